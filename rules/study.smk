SIMULATING = [
    name
    for (name,) in plan.keys("study")
    if plan.job("study", name).settings["simulate"]
]


rule study:
    input:
        gathered=GATHERED,
        # only if it was fetched: the page also has a built-in runner
        engine=[p for p in [plan.asset("jspsych")] if Path(p).exists()],
        current=current("study", "experiment"),
    output:
        questions=QUESTIONS,
    log:
        "logs/study/{experiment}.log",
    benchmark:
        f"{plan.results}/benchmarks/study/{{experiment}}.jsonl"
    wildcard_constraints:
        experiment=one_of([n for (n,) in plan.keys("study") if n not in SIMULATING]),
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        **needs_of("study", "experiment", mem_mb=2000, runtime=30),
    params:
        settings=settings_of("study", "experiment"),
        code=code_of("study", "experiment"),
        assets=lambda wildcards: f"{plan.data}/assets",
    shell:
        "exec posterity study package --settings {params.settings:q} --inputs @{input.gathered:q}"
        " --assets {params.assets:q} --output {output.questions:q} > {log:q} 2>&1"


# The same with answers of a simulated respondent, labelled as such.
use rule study as study_simulated with:
    output:
        questions=QUESTIONS,
        simulated=SIMULATED,
    wildcard_constraints:
        experiment=one_of(SIMULATING),
