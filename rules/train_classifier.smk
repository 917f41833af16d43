# As for networks, the hash of the code is not a parameter here: an edit of the library must not discard a training.
rule train_classifier:
    input:
        lambda wildcards: expand(
            ITEMS,
            dataset=plan.job("train_classifier", wildcards.classifier).settings[
                "datasets"
            ],
        ),
        current=current("train_classifier", "classifier"),
    output:
        multiext(
            f"{plan.data}/classifiers/{{classifier}}/",
            weights="weights.safetensors",
            card="card.json",
            losses="log.csv",
        ),
    log:
        "logs/train_classifier/{classifier}.log",
    wildcard_constraints:
        classifier=one_of([name for (name,) in plan.keys("train_classifier")]),
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("train_classifier", "classifier", mem_mb=4000, runtime=480),
    params:
        settings=settings_of("train_classifier", "classifier"),
    shell:
        "exec posterity train-classifier --settings {params.settings:q} --inputs {input:q} --output {output.weights:q} > {log:q} 2>&1"
