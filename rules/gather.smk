# One list of the inputs of an experiment's products. A product with a thousand inputs of its own would slow down the
# graph and exceed the system's maximum command length. The list holds sizes and times, so it changes with any input.
rule gather:
    # `run`, not a script: after a clone a script would be newer than every result and remake all products
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
