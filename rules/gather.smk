# One list of what an experiment's products are made from. A product that named a thousand files itself would make the
# graph slow and its command longer than the system takes. With sizes and times it changes when any of them does.
rule gather:
    # `run` and not a script, which would be newer than every result after a clone and make all products again
    input:
        lambda wildcards: artifacts_of(wildcards.experiment),
    output:
        GATHERED,
    log:
        "logs/gather/{experiment}.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    run:
        states = [(path, Path(path).stat()) for path in input]
        lines = [f"{p}\t{s.st_size}\t{s.st_mtime_ns}\n" for p, s in states]
        Path(output[0]).write_text("".join(lines))


# A list that names what is not there any more goes, so that whoever needs it needs that again.
for listed in Path(plan.results, "gathered").glob("*.txt"):
    if not all(
        Path(line.split("\t")[0]).exists() for line in listed.read_text().splitlines()
    ):
        listed.unlink()
