rule degrade:
    input:
        dataset=ITEMS,
        regions=REGIONS,
        network=lambda wildcards: network_of(wildcards.dataset, wildcards.task),
        current=current("degrade", "dataset", "task"),
    output:
        MEASUREMENTS,
    log:
        "logs/degrade/{dataset}/{task}.log",
    benchmark:
        f"{plan.results}/benchmarks/degrade/{{dataset}}/{{task}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("degrade", "dataset", "task", mem_mb=2000, runtime=30),
    params:
        settings=settings_of("degrade", "dataset", "task"),
        code=code_of("degrade", "dataset", "task"),
    shell:
        "exec posterity degrade --settings {params.settings:q} --items {input.dataset:q} --regions {input.regions:q}"
        " --output {output:q} > {log:q} 2>&1"
