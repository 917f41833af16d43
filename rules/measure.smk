def measure_inputs(wildcards):
    key = tuple(wildcards[n] for n in RUN)
    metrics = set(plan.job("measure", *key).settings["metrics"])
    found = {"samples": SAMPLES, "measurements": MEASUREMENTS}
    if plan.has("select", *key):
        found["subsets"] = SUBSETS
    if plan.has("posterior", *key[:3]) and metrics & {"tv", "modes_shown"}:
        found["posterior"] = POSTERIOR
    # the exact sampler is what the others are compared with
    exact = (*key[:3], "exact")
    if plan.has("sample", *exact) and key != exact and "sliced_wasserstein" in metrics:
        found["reference"] = paths_of(SAMPLES, [exact])
    if metrics & {"lpips", "diversity", "coverage"}:
        found["weights"] = asset_path("vgg16")
    if "niqe" in metrics:
        found["niqe"] = asset_path("niqe")
    return found


rule measure:
    input:
        unpack(measure_inputs),
    output:
        METRICS,
    params:
        settings=settings_of("measure", *RUN),
        code=code_of("measure", *RUN),
        options=options_of("subsets", "posterior", "reference"),
        assets=f"{plan.data}/assets",
    log:
        "logs/measure/{dataset}/{task}/{prior}/{sampler}.log",
    benchmark:
        f"{plan.results}/benchmarks/measure/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        "posterity measure --settings {params.settings:q} --samples {input.samples:q}"
        " --measurements {input.measurements:q} {params.options} --assets {params.assets:q}"
        " --output {output:q} > {log:q} 2>&1"
