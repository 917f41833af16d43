"""Generates schemas from the code; they are stored as files so that reading a configuration does not import torch."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["FOLDER", "schemas"]

FOLDER = Path(__file__).parent / "schemas"


def schemas() -> dict[str, str]:
    """Return {file name without ".json": content}."""
    from pydantic import TypeAdapter

    from posterity import datasets, figures, metrics, samplers, severities, subsets, tables, wrappers
    from posterity.classifiers.training import Training as ClassifierTraining
    from posterity.operators import families as operators
    from posterity.priors import families as priors
    from posterity.priors.autoencoders.training import Training as AutoencoderTraining
    from posterity.priors.training import Training
    from posterity.severities.training import Training as SeverityTraining
    from posterity.stages._references import REFERENCES

    references = {name: {"settings": TypeAdapter(cls).json_schema()} for name, cls in REFERENCES.items()}
    contents = {
        "samplers": samplers.schema(),
        "wrappers": wrappers.schema(),
        "severities": severities.schema(),
        "subsets": subsets.schema(),
        "datasets": datasets.schema(),
        "metrics": metrics.schema(),
        "tables": tables.schema(),
        "figures": figures.schema(),
        "operators": operators.schema(),
        "priors": priors.schema(),
        "references": references,
    }
    contents["training"] = TypeAdapter(Training).json_schema()
    contents["autoencoder_training"] = TypeAdapter(AutoencoderTraining).json_schema()
    contents["classifier_training"] = TypeAdapter(ClassifierTraining).json_schema()
    contents["severity_training"] = TypeAdapter(SeverityTraining).json_schema()
    return {n: json.dumps(c, indent=2, sort_keys=True, ensure_ascii=False) + "\n" for n, c in contents.items()}
