# One target per experiment, with "_" for "-": `snakemake mgps_images` makes its tables, figures and study.
for experiment in [*plan.experiments, *plan.on_request]:

    rule:
        name:
            experiment.replace("-", "_")
        input:
            results_of(experiment),
        localrule: True
