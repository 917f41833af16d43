# The hash of the code is no parameter here: an edit of the library must not throw away hours of training.
# The stage itself starts again when a step of training would give another result.
rule train_prior:
    input:
        lambda wildcards: expand(
            ITEMS, dataset=plan.job("train", wildcards.prior).settings["datasets"]
        ),
    output:
        weights=f"{plan.data}/priors/{{prior}}/weights.safetensors",
        card=f"{plan.data}/priors/{{prior}}/card.json",
        samples=f"{plan.data}/priors/{{prior}}/samples.png",
        nearest=f"{plan.data}/priors/{{prior}}/nearest.png",
        losses=f"{plan.data}/priors/{{prior}}/log.csv",
    log:
        "logs/train/{prior}.log",
    benchmark:
        f"{plan.results}/benchmarks/train/{{prior}}.jsonl"
    wildcard_constraints:
        prior=one_of([name for (name,) in plan.keys("train")]),
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("train", "prior", mem_mb=4000, runtime=480),
    params:
        settings=settings_of("train", "prior"),
    shell:
        "exec posterity train --settings {params.settings:q} --inputs {input:q} --output {output.weights:q} > {log:q} 2>&1"
