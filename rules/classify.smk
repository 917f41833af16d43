# The probabilities that a diagnosis classifier gives to the samples of a run, and to their truths.
rule classify:
    input:
        dataset=ITEMS,
        samples=SAMPLES,
        measurements=MEASUREMENTS,
        classifier=lambda wildcards: plan.classifiers[
            plan.job("classify", *(wildcards[n] for n in RUN)).settings["classifier"]
        ],
        current=current("classify", *RUN),
    output:
        CLASSES,
    log:
        "logs/classify/{dataset}/{task}/{prior}/{sampler}.log",
    benchmark:
        f"{plan.results}/benchmarks/classify/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("classify", *RUN, mem_mb=4000, runtime=60),
    params:
        settings=settings_of("classify", *RUN),
        code=code_of("classify", *RUN),
    shell:
        "exec posterity classify --settings {params.settings:q} --items {input.dataset:q} --samples {input.samples:q}"
        " --measurements {input.measurements:q} --classifier {input.classifier:q} --output {output:q} > {log:q} 2>&1"
