"""Fits the stationary Gaussian that `posterity restore patient.hea` uses; writes it to resources/priors/ecg-gaussian.

python tools/ecg_prior.py data/assets/deepfake-ecg/deepfake_ecg-1.1.2-py3-none-any.whl
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save

from posterity.datasets import ecg_generated
from posterity.front.ecg import prior as stationary
from posterity.signals.ecg import LEADS

FOLDER = Path("resources", "priors", "ecg-gaussian")
COUNT, SIZE = 600, 960
"""Number of records, and samples of each: 9.6 s at 100 Hz, the usable length of the generator's output."""


def main(source: Path) -> None:
    """Write weights.safetensors and card.json."""
    items = ecg_generated.prepare(source, "records", SIZE, COUNT).items
    records = {split: torch.stack([torch.from_numpy(i.signal) for i in items if i.split == split]).double()
               for split in ("prior", "test")}  # fmt: skip
    fit = stationary.Fit.of(records["prior"], ecg_generated.RATE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = save({"mean": fit.mean.float(), "covariance": fit.covariance.float()})
    (FOLDER / "weights.safetensors").write_bytes(content)
    read = stationary.Fit(fit.mean.float().double(), fit.covariance.float().double(), fit.rate)
    card = {
        "prior": "ecg-gaussian",
        "about": "Stationary Gaussian with the mean and the lagged covariances of generated ECGs "
        "(Pulse2Pulse, Thambawita et al. 2021, package deepfake-ecg 1.1.2): normal sinus rhythm at rest alone",
        "license": "MIT",
        "rate": fit.rate,
        "leads": list(LEADS),
        "lags": fit.covariance.shape[-1],
        "records": {split: len(x) for split, x in records.items()},
        "weights": {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)},
        "evidence": {"of": "log p(lead) per sample, 0.5 % and 99.5 % quantile over the records of both splits",
                     "quantiles": _quantiles(read, torch.cat([*records.values()]))},
        "made_by": "tools/ecg_prior.py",
    }  # fmt: skip
    (FOLDER / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _quantiles(fit: stationary.Fit, records: torch.Tensor) -> dict[str, list[float]]:
    ends = torch.tensor([0.005, 0.995], dtype=torch.float64)
    found = stationary.evidence(fit, records).quantile(ends, dim=0)
    return {lead: [round(x, 4) for x in pair] for lead, pair in zip(LEADS, found.T.tolist(), strict=True)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
