"""Paths of the stages' outputs; besides the two folders, the fields of a path pattern are the parts of a job's key."""

from __future__ import annotations

from functools import cache
from string import Formatter

__all__ = ["PATHS", "fields", "pattern"]

_RUN = "{dataset}/{task}/{prior}/{sampler}"
PATHS = {
    "fetch": "{data}/assets/{asset}/{file}",
    "prepare": "{data}/datasets/{dataset}/items.parquet",
    "degrade": "{results}/measurements/{dataset}/{task}.parquet",
    "train": "{data}/priors/{prior}/weights.safetensors",
    "train_autoencoder": "{data}/autoencoders/{autoencoder}/weights.safetensors",
    "train_severity": "{data}/severities/{severity}/weights.safetensors",
    "train_classifier": "{data}/classifiers/{classifier}/weights.safetensors",
    "convert_autoencoder": "{data}/autoencoders/{autoencoder}/weights.safetensors",
    "convert": "{data}/priors/{prior}/weights.safetensors",
    "posterior": "{results}/posterior/{dataset}/{task}/{prior}.parquet",
    "severity": "{results}/severity/{dataset}/{task}/{prior}/{severity}.parquet",
    "sample": f"{{results}}/samples/{_RUN}.parquet",
    "select": f"{{results}}/subsets/{_RUN}.parquet",
    "measure": f"{{results}}/metrics/{_RUN}.parquet",
    "classify": f"{{results}}/classes/{_RUN}.parquet",
    "distance": "{results}/distances/{prior}/{dim}/{sampler}.parquet",
    "study": "{results}/study/{experiment}/questions.parquet",
    "analyse": "{results}/study/{experiment}/analysis.parquet",
    "table": "{results}/tables/{experiment}/{table}.parquet",
    "figure": "{results}/figures/{experiment}/{figure}.svg",
    "explorer": "{results}/explorer/{experiment}.html",
    "report": "{results}/report/index.html",
}
"""{stage: its first output}."""


def pattern(stage: str, data: str, results: str) -> str:
    """Return the stage's output path within these folders, with the parts of the key as Snakemake wildcards."""
    return PATHS[stage].replace("{data}", data).replace("{results}", results)


@cache
def fields(stage: str) -> tuple[str, ...]:
    """Return the names of the parts of a job's key."""
    found = (name for _, name, _, _ in Formatter().parse(PATHS.get(stage, "")) if name)
    return tuple(name for name in found if name not in ("data", "results"))
