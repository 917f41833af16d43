"""Measures posterity's overhead over the unavoidable mathematics, as ratios, which are comparable between machines.

    python -m benchmarks [overhead] [own] [guided] [kernel] [throughput] [precision] [peers] [planning] [stages]
                         [makespan] [mutants] [--quick]

Without names all but the last run, which takes minutes. Each prints a table and writes
``benchmarks/results/NAME.parquet`` and a figure. ``peers`` compares accuracy, ``planning`` and ``stages`` measure
the workflow's own time and memory, ``makespan`` simulates all papers on a cluster, the others are ratios of time.
Only ``throughput`` and ``precision`` use a GPU if there is one. ``mutants`` inserts mistakes into samplers and
reports which test catches each.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

import torch

from benchmarks import device, kernel, makespan, mutants, overhead, results, workflow
from benchmarks.peers import accuracy
from posterity.errors import PosterityError
from posterity.jobs import memory

Row = dict[str, object]


def runs(*, quick: bool) -> dict[str, Callable[[], Iterable[Row]]]:
    """Return {name: benchmark}; quick ones only check that the benchmarks run."""
    shape, rows, turns = ((3, 8, 8), 2, 1) if quick else ((3, 64, 64), 8, 5)
    few, many = (3, 3) if quick else (5, 50)
    batches = [2**n for n in range(10 if torch.cuda.is_available() else 5)]
    return {
        "overhead": lambda: overhead.overhead(shape, few, rows, turns),
        "own": lambda: overhead.own(shape, many, rows, turns),
        "guided": lambda: overhead.guided(shape, many, rows, turns),
        "kernel": lambda: kernel.kernel(shape, 32 if quick else 1000, [1, 4] if quick else [1, 8, 64], turns),
        "throughput": lambda: device.throughput(
            *(("openmoji32", [1, 2], 3, 1) if quick else ("openmoji64", batches, 10, 3))
        ),
        "precision": lambda: device.precision(
            *(("openmoji32", "openmoji-people-32", 1, 5, 1) if quick else ("openmoji64", "openmoji-people", 8, 100, 1)),
            compiled=not quick,
        ),
        "planning": lambda: workflow.planning([20] if quick else [100, 1000, 10000], 1 if quick else 3),
        "stages": lambda: workflow.stages(16),
        "makespan": lambda: makespan.makespan(*(((8,), makespan.CUTS[:1]) if quick else ())),
        "peers": lambda: accuracy.compare(3 if quick else 100, 16 if quick else 512),
        "mutants": lambda: mutants.mutants(few=quick),
    }


def main(arguments: list[str]) -> None:
    known = runs(quick=False)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(known)}; all without one")
    parser.add_argument(
        "--quick", action="store_true", help="only check that they run, on a tiny scale; writes nothing"
    )
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}: there are {', '.join(known)}")
    torch.set_num_threads(1)
    memory.keep()  # as in every stage
    for name in given.names or [name for name in known if name != "mutants"]:
        try:
            rows = results.shown(name, runs(quick=given.quick)[name]())
        except PosterityError as error:
            if given.names:
                raise SystemExit(f"{name}: {error}") from None
            print(f"{name}: N/A, {error}")
            continue
        if not given.quick:
            results.written(name, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
