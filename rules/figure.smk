# Figures are drawn from artifacts alone: deleting and remaking them runs no sampler.
rule figure:
    input:
        unpack(shown_of),
        current=current("figure", "experiment", "figure"),
    output:
        svg=FIGURE,
        png=report(
            f"{plan.results}/figures/{{experiment}}/{{figure}}.png",
            caption="../workflow/report/figure.rst",
            category="{experiment}",
            labels={"figure": "{figure}"},
        ),
        csv=FIGURE.removesuffix(".svg") + ".csv",
    log:
        "logs/figure/{experiment}/{figure}.log",
    benchmark:
        f"{plan.results}/benchmarks/figure/{{experiment}}/{{figure}}.jsonl"
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("figure", "experiment", "figure", mem_mb=3000, runtime=30),
    params:
        settings=settings_of("figure", "experiment", "figure"),
        code=code_of("figure", "experiment", "figure"),
    shell:
        "exec posterity figure --settings {params.settings:q} --inputs @{input.gathered:q} {input.study:q} --output {output.svg:q} > {log:q} 2>&1"
