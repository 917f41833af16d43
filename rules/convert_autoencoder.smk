# The published checkpoint of an autoencoder, to the form that autoencoders are loaded from.
rule convert_autoencoder:
    input:
        lambda wildcards: plan.first_stages[wildcards.autoencoder],
        current=current("convert_autoencoder", "autoencoder"),
    output:
        multiext(
            f"{plan.data}/autoencoders/{{autoencoder}}/",
            weights="weights.safetensors",
            card="card.json",
        ),
    log:
        "logs/convert_autoencoder/{autoencoder}.log",
    wildcard_constraints:
        autoencoder=one_of(plan.first_stages),
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("convert_autoencoder", "autoencoder", mem_mb=10000, runtime=60),
    params:
        settings=settings_of("convert_autoencoder", "autoencoder"),
        code=code_of("convert_autoencoder", "autoencoder"),
    shell:
        "exec posterity convert-autoencoder --settings {params.settings:q} --source {input:q} --output {output.weights:q}"
        " > {log:q} 2>&1"
