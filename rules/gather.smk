# One list of what an experiment's products are made from. A product that named a thousand files itself would make the
# graph slow and its command longer than the system takes.
rule gather:
    input:
        lambda wildcards: artifacts_of(wildcards.experiment),
    output:
        GATHERED,
    log:
        "logs/gather/{experiment}.log",
    conda:
        "../workflow/envs/posterity.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../workflow/scripts/gather.py"


# A list that names what is not there any more goes, so that whoever needs it needs that again.
for listed in Path(plan.results, "gathered").glob("*.txt"):
    if not all(
        Path(line.split("\t")[0]).exists() for line in listed.read_text().splitlines()
    ):
        listed.unlink()
