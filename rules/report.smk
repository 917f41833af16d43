def report_inputs(wildcards):
    figures = [FIGURE.format(experiment=e, figure=f) for e, f in plan.keys("figure")]
    return [
        *[TABLE.format(experiment=e, table=t) for e, t in plan.keys("table")],
        *figures,
        *[f.removesuffix(".svg") + ".png" for f in figures],
        *paths_of(METRICS, plan.keys("measure")),
        *[ANALYSIS.format(experiment=e) for (e,) in plan.keys("analyse")],
    ]


rule report:
    input:
        report_inputs,
    output:
        f"{plan.results}/report/index.html",
    params:
        settings=settings_of("report"),
        code=code_of("report"),
    log:
        "logs/report.log",
    benchmark:
        f"{plan.results}/benchmarks/report.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "posterity report --settings {params.settings:q} --inputs {input:q} --output {output:q} > {log:q} 2>&1"
