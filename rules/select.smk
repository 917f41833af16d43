def select_inputs(wildcards):
    found = {"dataset": ITEMS, "samples": SAMPLES, "measurements": MEASUREMENTS}
    if plan.job("select", *(wildcards[n] for n in RUN)).settings["features"] in ("vgg", "lpips"):
        found["weights"] = asset_path("vgg16")
    return found


rule select:
    input:
        unpack(select_inputs),
    output:
        SUBSETS,
    params:
        settings=settings_of("select", *RUN),
        code=code_of("select", *RUN),
        assets=f"{plan.data}/assets",
    log:
        "logs/select/{dataset}/{task}/{prior}/{sampler}.log",
    benchmark:
        f"{plan.results}/benchmarks/select/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    shell:
        "posterity select --settings {params.settings:q} --samples {input.samples:q}"
        " --measurements {input.measurements:q} --items {input.dataset:q} --assets {params.assets:q}"
        " --output {output:q} > {log:q} 2>&1"
