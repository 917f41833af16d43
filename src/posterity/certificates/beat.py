"""The Gaussian of median beats of generated ECGs, for certificates of samplers that see only lead I.

A beat has 8 leads and 14 averages over 50 ms, in mV. `tools/ecg_beat.py` estimates mean and covariance.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from posterity import json_reader
from posterity.errors import PosterityError
from posterity.priors import loading
from posterity.priors.gaussian import Gaussian

__all__ = ["FOLDER", "prior"]

FOLDER = Path(__file__).parents[3] / "resources" / "priors" / "ecg-beat"


def prior() -> Gaussian:
    """Return the shipped prior of signals (8, 14).

    Raises:
        PosterityError: if it is missing, or does not match its card.
    """
    path = FOLDER / "weights.safetensors"
    try:
        card = json_reader.read(FOLDER / "card.json")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except (json_reader.Unreadable, OSError) as error:
        raise PosterityError(
            f"{FOLDER} does not hold the prior of beats; get the repository whole ({error})"
        ) from error
    if sha256 != card["weights"]["sha256"]:
        raise PosterityError(f"{FOLDER}: the weights are not those of their card.json; get the repository whole")
    state = loading.read(path)
    made = Gaussian(state["mean"].double(), state["covariance"].double())
    made.bounds = None
    return made
