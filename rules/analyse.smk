# Only for studies that have answers.
rule analyse:
    input:
        questions=QUESTIONS,
        responses=lambda wildcards: responses_of(wildcards.experiment),
        current=current("analyse", "experiment"),
    output:
        ANALYSIS,
    log:
        "logs/analyse/{experiment}.log",
    benchmark:
        f"{plan.results}/benchmarks/analyse/{{experiment}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("analyse", "experiment", mem_mb=2000, runtime=30),
    params:
        settings=settings_of("analyse", "experiment"),
        code=code_of("analyse", "experiment"),
    shell:
        "exec posterity study analyse --settings {params.settings:q} --questions {input.questions:q}"
        " --responses {input.responses:q} --output {output:q} > {log:q} 2>&1"
