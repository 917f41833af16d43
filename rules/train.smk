# The hash of the code is not a parameter here: an edit of the library must not discard hours of training.
# The stage itself starts over if a training step would compute something else.
rule train_prior:
    input:
        dataset=lambda wildcards: expand(
            ITEMS, dataset=plan.job("train", wildcards.prior).settings["datasets"]
        ),
        autoencoder=lambda wildcards: autoencoder_of(wildcards.prior),
        current=current("train", "prior"),
    output:
        multiext(
            f"{plan.data}/priors/{{prior}}/",
            weights="weights.safetensors",
            card="card.json",
            samples="samples.png",
            nearest="nearest.png",
            losses="log.csv",
        ),
    log:
        "logs/train/{prior}.log",
    wildcard_constraints:
        prior=one_of([name for (name,) in plan.keys("train")]),
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("train", "prior", mem_mb=4000, runtime=480),
    params:
        settings=settings_of("train", "prior"),
        options=options_of("autoencoder"),
    shell:
        "exec posterity train --settings {params.settings:q} --inputs {input.dataset:q} {params.options:q}"
        " --output {output.weights:q} > {log:q} 2>&1"
