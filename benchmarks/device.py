"""Measures the effect of batch size and precision with a shipped network, on the GPU if there is one.

* ``throughput``: restored rows per second against the batch size, compared with the bare evaluations of the run, and
  the GPU memory used.
* ``precision``: time, PSNR and LPIPS in bfloat16, and compiled, compared with plain float32 under the same noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.overhead import Row, measure
from benchmarks.tasks import Method, masked, ours, sampler
from benchmarks.timing import medians
from posterity.artifacts import signals, store
from posterity.assets import vgg16
from posterity.errors import PosterityError
from posterity.features.lpips import LPIPS
from posterity.jobs import devices
from posterity.metrics._pyiqa import full_reference
from posterity.priors.loading import load
from posterity.priors.network import PRECISIONS

__all__ = ["precision", "throughput"]

ROOT = Path(__file__).parents[1]
METHODS = ("ddnm", "dps")
"""A method without a gradient through the network and one with."""
SIGMA_Y = 0.1


def throughput(network: str, batches: Sequence[int], steps: int, turns: int) -> Iterator[Row]:
    """Yield every batch size with every method; ``share`` is the sampler's throughput over that of bare evaluations."""
    prior = load(_weights(network), device=devices.best())
    for name, rows in product(METHODS, batches):
        found = measure(Method(name, "posterity", ours(sampler(name, steps)), SIGMA_Y), prior, rows, turns)
        run, alone = float(str(found["run s"])), float(str(found["replay s"]))
        yield {
            "method": name,
            "rows": rows,
            "device": prior.device.type,
            "rows/s": rows / run,
            "bare rows/s": rows / alone,
            "share": 1 / float(str(found["ratio"])),
            "peak MiB": torch.cuda.max_memory_allocated() / 2**20 if prior.device.type == "cuda" else None,
        }


def precision(network: str, dataset: str, items: int, steps: int, turns: int, *, compiled: bool) -> Iterator[Row]:
    """Yield every precision, plain and ``compiled``, which takes minutes on a CPU."""
    truth, lpips = _truth(dataset, items), LPIPS(vgg16(ROOT / "data/assets"))
    for name in METHODS:
        method = ours(sampler(name, steps))
        plain: tuple[float, float, float] | None = None
        for compile_, bits in product((False, True) if compiled else (False,), PRECISIONS):
            prior = load(_weights(network), device=devices.best(), precision=bits, compiled=compile_)
            problem = masked(prior, truth, SIGMA_Y, torch.arange(items))
            (seconds,) = medians(turns, partial(method, problem), device=prior.device)
            restored = method(problem).cpu()
            quality = sum(full_reference("psnr", restored, truth)) / items, _lpips(lpips, restored, truth)
            plain = plain or (seconds, *quality)
            yield {
                "method": name,
                "precision": bits,
                "compiled": str(compile_),
                "device": prior.device.type,
                "time": seconds / plain[0],
                "PSNR": quality[0],
                "change dB": quality[0] - plain[1],
                "LPIPS": quality[1],
                "change": quality[1] - plain[2],
            }


def _weights(network: str) -> Path:
    return ROOT / "resources/priors" / network / "weights.safetensors"


def _truth(dataset: str, items: int) -> Tensor:
    """Return images (items, C, H, W) that the network was not trained on."""
    path = ROOT / "data/datasets" / dataset / "items.parquet"
    if not path.exists():
        raise PosterityError(f"{path} does not exist; run `snakemake {path.relative_to(ROOT)}` first")
    rows = store.read(path, "items", ["signal", "split"]).to_pylist()
    return signals.stack([row["signal"] for row in rows if row["split"] == "test"][:items])


def _lpips(net: LPIPS, restored: Tensor, truth: Tensor) -> float:
    return sum(float(net.pairs(torch.stack(pair))[0, 1]) for pair in zip(restored, truth, strict=True)) / len(truth)
