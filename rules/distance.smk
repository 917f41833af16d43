# Closed-form problems need no data: a job is one name in one dimension, its instances are resumable parts.
rule distance:
    input:
        current=current("distance", "prior", "dim", "sampler"),
    output:
        DISTANCES,
    log:
        "logs/distance/{prior}/{dim}/{sampler}.log",
    benchmark:
        f"{plan.results}/benchmarks/distance/{{prior}}/{{dim}}/{{sampler}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("distance", "prior", "dim", "sampler", mem_mb=3000, runtime=240),
    params:
        settings=settings_of("distance", "prior", "dim", "sampler"),
        code=code_of("distance", "prior", "dim", "sampler"),
    shell:
        "exec posterity distance --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"
