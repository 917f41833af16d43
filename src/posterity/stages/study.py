"""Designs the user study of an experiment and builds the folder that asks its questions."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from posterity.artifacts import signals, store
from posterity.recipes import Recipe, partners
from posterity.study import design as designs
from posterity.study import page
from posterity.study.design import STUDIES, Key
from posterity.study.practice import practice
from posterity.study.simulate import respond

__all__ = ["run"]

_RUN = ("dataset", "task", "prior", "sampler")


def run(settings: dict[str, Any], *, inputs: list[Path], output: Path, assets: Path = Path("data/assets")) -> None:
    """Write the artifact "questions" and, beside it, index.html, README.txt, schema.json and simulated.parquet.

    Arguments:
        settings: ``posterity.study.design.Design``.
        inputs: samples and subsets; artifacts of other kinds are ignored.
        output: questions.parquet.
        assets: folder that a fetched jsPsych is looked for in.
    """
    design = designs.parse(settings)
    pools, chosen = _read(inputs)
    rows = designs.questions(pools, chosen, design)
    asked = {r["study"] for r in rows}
    tried = [p for s in STUDIES if s in asked for p in practice(design.experiment, s, design.count)]
    ran_by, program = page.engine(assets)
    files = {
        "index.html": page.build(rows, tried, pools, design, program).encode(),
        "README.txt": page.readme(rows, design, ran_by).encode(),
        "schema.json": page.schema(),
    }
    origin = {"settings": settings, "engine": ran_by}
    # all files are written before the first is moved into place; the key comes last
    with ExitStack() as stack:
        store.write(stack.enter_context(store.replacing(output)), "questions", [p.row for p in tried] + rows, origin)
        if design.simulate:
            answers = respond(rows, pools, design.simulate, design.seed)
            beside = stack.enter_context(store.replacing(output.parent / "simulated.parquet"))
            store.write(beside, "responses", answers, origin)
        else:
            (output.parent / "simulated.parquet").unlink(missing_ok=True)
        for name, content in files.items():
            stack.enter_context(store.replacing(output.parent / name)).write_bytes(content)


def _read(inputs: list[Path]) -> tuple[designs.Pools, designs.Chosen]:
    pools: dict[Key, dict[str, dict[int, bytes]]] = defaultdict(lambda: defaultdict(dict))
    chosen: dict[Key, dict[str, dict[str, list[int]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    recipes: dict[tuple[str, ...], Recipe] = {}
    for path in inputs:
        about = store.provenance(path)
        kind, recipe = about.get("kind"), Recipe.told(about)
        if kind == "samples":
            for row in store.read(path, kind, columns=[*_RUN, "item", "sample", "signal"]).to_pylist():
                recipes[_key(row)] = recipe
                pools[_key(row)][row["item"]][row["sample"]] = signals.png(row["signal"])
        elif kind == "subsets":
            for row in sorted(store.read(path, kind).to_pylist(), key=lambda r: r["rank"]):
                chosen[_key(row)][row["subset"]][row["item"]].append(row["sample"])
    guided: dict[Key, Key] = {}
    for wrapped, plain in partners(recipes, "diversity").items():
        guided.setdefault(Key(*plain), Key(*wrapped))  # if there are several, the first by name
    return designs.Pools(pools, guided), chosen


def _key(row: dict[str, Any]) -> Key:
    return Key(*(row[k] for k in _RUN))
