# As for networks, the hash of the code is not a parameter here: an edit of the library must not discard a training.
rule train_severity:
    input:
        lambda wildcards: expand(
            ITEMS,
            dataset=plan.job("train_severity", wildcards.severity).settings[
                "datasets"
            ],
        ),
        current=current("train_severity", "severity"),
    output:
        multiext(
            f"{plan.data}/severities/{{severity}}/",
            weights="weights.safetensors",
            card="card.json",
            losses="log.csv",
        ),
    log:
        "logs/train_severity/{severity}.log",
    wildcard_constraints:
        severity=one_of([name for (name,) in plan.keys("train_severity")]),
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("train_severity", "severity", mem_mb=4000, runtime=120),
    params:
        settings=settings_of("train_severity", "severity"),
    shell:
        "exec posterity train-severity --settings {params.settings:q} --inputs {input:q} --output {output.weights:q} > {log:q} 2>&1"
