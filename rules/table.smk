rule table:
    input:
        unpack(shown_of),
        current=current("table", "experiment", "table"),
    output:
        TABLE,
    log:
        "logs/table/{experiment}/{table}.log",
    benchmark:
        f"{plan.results}/benchmarks/table/{{experiment}}/{{table}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("table", "experiment", "table", mem_mb=2000, runtime=30),
    params:
        settings=settings_of("table", "experiment", "table"),
        code=code_of("table", "experiment", "table"),
    shell:
        "exec posterity table --settings {params.settings:q} --inputs @{input.gathered:q} {input.study:q} --output {output:q} > {log:q} 2>&1"
