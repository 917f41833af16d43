rule prepare:
    input:
        asset=lambda wildcards: plan.sources[wildcards.dataset],
        current=current("prepare", "dataset"),
    output:
        dataset=ITEMS,
        regions=REGIONS,
        license=LICENSE,
        sheet=SHEET,
    log:
        "logs/prepare/{dataset}.log",
    benchmark:
        f"{plan.results}/benchmarks/prepare/{{dataset}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("prepare", "dataset", mem_mb=2000, runtime=30),
    params:
        settings=settings_of("prepare", "dataset"),
        code=code_of("prepare", "dataset"),
    shell:
        "exec posterity prepare --settings {params.settings:q} --asset {input.asset:q}"
        " --output {output.dataset:q} > {log:q} 2>&1"
