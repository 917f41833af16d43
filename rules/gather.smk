def listed(wildcards):
    """What an experiment's products are made from.

    A list that names what is not there any more is taken for not there either, so that whoever needs it needs that
    again. It is not deleted here, because a dry run changes nothing.
    """
    path = Path(GATHERED.format(experiment=wildcards.experiment))
    lines = path.read_text().splitlines() if path.exists() else []
    if not all(Path(line.split("\t")[0]).exists() for line in lines):
        cache = workflow.iocache
        cache.exists_local[str(path)], cache.size[str(path)] = False, 0
    return artifacts_of(wildcards.experiment)


# One list of what an experiment's products are made from. A product that named a thousand files itself would make the
# graph slow and its command longer than the system takes. With sizes and times it changes when any of them does.
rule gather:
    # `run` and not a script, which would be newer than every result after a clone and make all products again
    input:
        listed,
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

