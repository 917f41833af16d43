# Severities for late starts: an estimate of each measurement's state, and the variance of its error.
rule severity:
    input:
        unpack(sample_inputs),
        encoder=lambda wildcards: plan.encoders.get(wildcards.severity, []),
        current=current("severity", "dataset", "task", "prior", "severity"),
    output:
        SEVERITY,
    log:
        "logs/severity/{dataset}/{task}/{prior}/{severity}.log",
    benchmark:
        f"{plan.results}/benchmarks/severity/{{dataset}}/{{task}}/{{prior}}/{{severity}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of(
            "severity", "dataset", "task", "prior", "severity", mem_mb=4000, runtime=30
        ),
    params:
        settings=settings_of("severity", "dataset", "task", "prior", "severity"),
        code=code_of("severity", "dataset", "task", "prior", "severity"),
        options=options_of("weights", "encoder", "autoencoder"),
    shell:
        "exec posterity severity --settings {params.settings:q} --items {input.dataset:q} --regions {input.regions:q}"
        " --measurements {input.measurements:q} {params.options:q} --output {output:q} > {log:q} 2>&1"
