# As of networks, the hash of the code is no parameter here: an edit of the library must not throw a training away.
rule train_autoencoder:
    input:
        dataset=lambda wildcards: expand(
            ITEMS,
            dataset=plan.job("train_autoencoder", wildcards.autoencoder).settings[
                "datasets"
            ],
        ),
        perceptual=plan.asset("vgg16"),
        current=current("train_autoencoder", "autoencoder"),
    output:
        multiext(
            f"{plan.data}/autoencoders/{{autoencoder}}/",
            weights="weights.safetensors",
            card="card.json",
            unseen="unseen.png",
            losses="log.csv",
        ),
    log:
        "logs/train_autoencoder/{autoencoder}.log",
    wildcard_constraints:
        autoencoder=one_of([name for (name,) in plan.keys("train_autoencoder")]),
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("train_autoencoder", "autoencoder", mem_mb=4000, runtime=240),
    params:
        settings=settings_of("train_autoencoder", "autoencoder"),
    shell:
        "exec posterity train-autoencoder --settings {params.settings:q} --inputs {input.dataset:q}"
        " --perceptual {input.perceptual:q} --output {output.weights:q} > {log:q} 2>&1"
