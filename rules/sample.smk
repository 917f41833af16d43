# One job draws all samples of one (dataset, task, prior, sampler), item by item, and resumes where it was stopped.
rule sample:
    input:
        unpack(sample_inputs),
        current=current("sample", *RUN),
    output:
        SAMPLES,
    log:
        "logs/sample/{dataset}/{task}/{prior}/{sampler}.log",
    benchmark:
        f"{plan.results}/benchmarks/sample/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    # one process per GPU
    threads: lambda wildcards: max(1, plan.needs.gpu("sample", [wildcards[n] for n in RUN]))
    resources:
        **needs_of("sample", *RUN, mem_mb=4000, runtime=240),
        batch=lambda wildcards: plan.needs.batch([wildcards[n] for n in RUN]),
    params:
        settings=settings_of("sample", *RUN),
        code=code_of("sample", *RUN),
        options=options_of("weights", "severity", "autoencoder"),
    shell:
        "exec posterity sample --settings {params.settings:q} --items {input.dataset:q} --regions {input.regions:q}"
        " --measurements {input.measurements:q} {params.options:q} --batch {resources.batch} --gpus {resources.gpu} --output {output:q} > {log:q} 2>&1"
