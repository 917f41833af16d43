rule study:
    input:
        lambda wildcards: artifacts_of(wildcards.experiment),
    output:
        QUESTIONS,
    params:
        settings=settings_of("study", "experiment"),
        code=code_of("study", "experiment"),
    log:
        "logs/study/{experiment}.log",
    benchmark:
        f"{plan.results}/benchmarks/study/{{experiment}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "posterity study package --settings {params.settings:q} --inputs {input:q}"
        " --output {output:q} > {log:q} 2>&1"
