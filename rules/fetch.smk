rule fetch:
    input:
        current=current("fetch", "asset"),
    output:
        f"{plan.data}/assets/{{asset}}/{{file}}",
    log:
        "logs/fetch/{asset}/{file}.log",
    cache: True
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("fetch", "asset", mem_mb=1000, runtime=60),
    params:
        settings=settings_of("fetch", "asset"),
        code=code_of("fetch", "asset"),
    shell:
        "exec posterity fetch --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"
