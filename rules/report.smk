rule explorer:
    input:
        dataset=lambda w: ITEMS.format(
            dataset=plan.job("explorer", w.experiment).settings["dataset"]
        ),
        current=current("explorer", "experiment"),
    output:
        EXPLORER,
    log:
        "logs/explorer/{experiment}.log",
    benchmark:
        f"{plan.results}/benchmarks/explorer/{{experiment}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("explorer", "experiment", mem_mb=2000, runtime=30),
    params:
        settings=settings_of("explorer", "experiment"),
        code=code_of("explorer", "experiment"),
    shell:
        "exec posterity explorer --settings {params.settings:q} --items {input.dataset:q} --output {output:q} > {log:q} 2>&1"


rule report:
    input:
        report_inputs,
        current=current("report"),
    output:
        f"{plan.results}/report/index.html",
    log:
        "logs/report.log",
    benchmark:
        f"{plan.results}/benchmarks/report.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("report", mem_mb=2000, runtime=30),
    params:
        settings=settings_of("report"),
        code=code_of("report"),
    shell:
        "exec posterity report --settings {params.settings:q} --inputs {input:q} --output {output:q} > {log:q} 2>&1"
