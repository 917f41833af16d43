"""``python tests/torture``: an hour of kills, full disks and damage, by hand; prints what came of it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from torment import Torment


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="go on for so long [60]")
    parser.add_argument("--kills", type=int, default=50, help="and until so many processes were killed [50]")
    parser.add_argument("--experiment", default="ci", help="of config/experiments [ci]")
    parser.add_argument("--items", type=int, default=6, help="items of every task [6]")
    parser.add_argument("--targets", nargs="*", default=[], help="what is asked of snakemake [everything]")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000, help="of all choices [the time]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        changes = {"items": given.items, "resources": [{"stage": "sample", "batch": 12}]}
        calm = Torment(Path(name, "undisturbed"), given.experiment, changes, tuple(given.targets))
        calm.finish()
        wild = Torment(Path(name, "tormented"), given.experiment, changes, tuple(given.targets), given.seed)
        torment(wild, given.minutes * 60, given.kills, seed=given.seed)
        # by name: what was deleted for its damage is not missed by what had been made from it
        wild.finish(*calm.artifacts())
        wild.compare(calm)
    print(f"seed {given.seed}, {given.experiment} with {given.items} items")
    print(wild.summary)
    return 0 if wild.summary.clean else 1


def torment(wild: Torment, seconds: float, kills: int, seed: int) -> None:
    """Goes on for so long and so many kills."""
    until = time.monotonic() + seconds
    round_ = 0
    while time.monotonic() < until or sum(wild.summary.kills.values()) < kills:
        round_ += 1
        wild.kill_one()
        # the rest comes less often, because runs to the end take long
        if round_ % 12 == 4:
            wild.damage_a_part()
        if round_ % 12 == 9:
            wild.finish()
            for _ in range(3):
                wild.damage_one()
        if round_ % 24 == 17:
            wild.fill_disk()
        done = sum(wild.summary.kills.values())
        print(f"\rround {round_} of seed {seed}: {done} kills", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.exit(main())
