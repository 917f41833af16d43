rule select:
    input:
        unpack(select_inputs),
        current=current("select", *RUN),
    output:
        SUBSETS,
    log:
        "logs/select/{dataset}/{task}/{prior}/{sampler}.log",
    benchmark:
        f"{plan.results}/benchmarks/select/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("select", *RUN, mem_mb=3000, runtime=60),
    params:
        settings=settings_of("select", *RUN),
        code=code_of("select", *RUN),
        assets=lambda wildcards: f"{plan.data}/assets",
    shell:
        "exec posterity select --settings {params.settings:q} --samples {input.samples:q}"
        " --measurements {input.measurements:q} --items {input.dataset:q} --assets {params.assets:q}"
        " --output {output:q} > {log:q} 2>&1"
