# Converts a published checkpoint, at the path in the configuration, to the format that priors load.
rule convert_prior:
    input:
        lambda wildcards: plan.checkpoints[wildcards.prior],
        current=current("convert", "prior"),
    output:
        multiext(
            f"{plan.data}/priors/{{prior}}/",
            weights="weights.safetensors",
            card="card.json",
        ),
    log:
        "logs/convert/{prior}.log",
    wildcard_constraints:
        prior=one_of(plan.checkpoints),
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("convert", "prior", mem_mb=10000, runtime=60),
    params:
        settings=settings_of("convert", "prior"),
        code=code_of("convert", "prior"),
    shell:
        "exec posterity convert --settings {params.settings:q} --source {input:q} --output {output.weights:q}"
        " > {log:q} 2>&1"
