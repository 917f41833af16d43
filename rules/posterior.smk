rule posterior:
    input:
        dataset=ITEMS,
        regions=REGIONS,
        measurements=MEASUREMENTS,
        autoencoder=lambda wildcards: autoencoder_of(wildcards.prior),
        current=current("posterior", "dataset", "task", "prior"),
    output:
        POSTERIOR,
    log:
        "logs/posterior/{dataset}/{task}/{prior}.log",
    benchmark:
        f"{plan.results}/benchmarks/posterior/{{dataset}}/{{task}}/{{prior}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("posterior", "dataset", "task", "prior", mem_mb=3000, runtime=30),
    params:
        settings=settings_of("posterior", "dataset", "task", "prior"),
        code=code_of("posterior", "dataset", "task", "prior"),
        options=options_of("autoencoder"),
    shell:
        "exec posterity posterior --settings {params.settings:q} --items {input.dataset:q} --regions {input.regions:q}"
        " --measurements {input.measurements:q} {params.options:q} --output {output:q} > {log:q} 2>&1"
