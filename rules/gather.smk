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
