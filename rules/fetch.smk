rule fetch:
    output:
        f"{plan.data}/assets/{{asset}}/{{file}}",
    params:
        settings=settings_of("fetch", "asset"),
        code=code_of("fetch", "asset"),
    log:
        "logs/fetch/{asset}/{file}.log",
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    shell:
        "posterity fetch --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"
