"""Estimates the Gaussian of median beats that `posterity verify` uses; writes it to resources/priors/ecg-beat.

python tools/ecg_beat.py data/assets/deepfake-ecg/deepfake_ecg-1.1.2-py3-none-any.whl
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from posterity.certificates.beat import FOLDER
from posterity.datasets import ecg_generated
from posterity.datasets.items import split
from posterity.ecg import beats
from posterity.priors.gaussian import Gaussian
from posterity.signals.ecg import LEADS

COUNT, AVERAGED = 1000, 5
"""Records that are gone through, and how many samples of 10 ms become one."""


def main(source: Path) -> None:
    """Write weights.safetensors and card.json."""
    numbers = [n for n in range(COUNT) if split(f"g{n:05d}") == "prior"]
    records = ecg_generated.records(source, numbers)
    made = torch.from_numpy(np.stack([beats.median_beat(record, ecg_generated.RATE) for record in records]))
    prior = Gaussian.estimate(made.unflatten(2, (-1, AVERAGED)).mean(3))
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = save({"mean": prior.mean.float(), "covariance": prior.covariance.float().contiguous()})
    (FOLDER / "weights.safetensors").write_bytes(content)
    card = {
        "prior": "ecg-beat",
        "about": "Gaussian of median beats of generated ECGs (Pulse2Pulse, Thambawita et al. 2021, package "
        "deepfake-ecg 1.1.2): normal sinus rhythm at rest alone",
        "license": "MIT",
        "leads": list(LEADS),
        "seconds": AVERAGED / ecg_generated.RATE,
        "beats": len(made),
        "weights": {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)},
        "made_by": "tools/ecg_beat.py",
    }
    (FOLDER / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
