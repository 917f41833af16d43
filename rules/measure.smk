rule measure:
    input:
        unpack(measure_inputs),
        current=current("measure", *RUN),
    output:
        METRICS,
    log:
        "logs/measure/{dataset}/{task}/{prior}/{sampler}.log",
    benchmark:
        f"{plan.results}/benchmarks/measure/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("measure", *RUN, mem_mb=4000, runtime=60),
    params:
        settings=settings_of("measure", *RUN),
        code=code_of("measure", *RUN),
        options=options_of("subsets", "posterior", "reference"),
        assets=lambda wildcards: f"{plan.data}/assets",
    shell:
        "exec posterity measure --settings {params.settings:q} --samples {input.samples:q}"
        " --measurements {input.measurements:q} {params.options:q} --assets {params.assets:q}"
        " --output {output:q} > {log:q} 2>&1"
