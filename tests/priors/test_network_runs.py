"""Every sampler runs with a network prior, in the network's precision; stage "sample" reads one from its file."""

import hashlib
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from posterity import samplers
from posterity.artifacts import images, signals, store
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.build import build, draw
from posterity.priors.loading import build as bare
from posterity.priors.network import Network
from posterity.samplers.base import Problem
from posterity.stages import degrade, sample

SHAPE = (3, 16, 16)
SMALL = {
    "sample_size": 16, "in_channels": 3, "out_channels": 6, "layers_per_block": 1, "block_out_channels": [8, 16],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "attention_head_dim": 8, "norm_num_groups": 4,
}  # fmt: skip


def network() -> torch.nn.Module:
    """Untrained but alive: random weights, also where fresh networks have zeros, and a learned variance."""
    network = bare(SMALL, "small").to_empty(device="cpu")
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.1 * torch.randn(p.shape, generator=rng))
    return network


def settings(name: str) -> dict[str, Any]:
    """As few steps as the sampler takes."""
    fields = samplers.schema()[name]["settings"]["properties"]
    return {field: few for field, few in {"steps": 10, "iterations": 6, "draws": 3}.items() if field in fields}


DENOISING = [
    n for n in samplers.names() if not samplers.find(n).needs & {"posterior", "restorer", "conditional", "latent"}
]


@pytest.mark.parametrize("name", DENOISING)
def test_samplers_run_in_single_precision(name: str) -> None:
    needs = samplers.find(name).needs
    task: dict[str, Any] = {"operator": "inpaint", "box": [0.25, 0.25, 0.75, 0.75], "sigma_y": 0.1 * ("noise" in needs)}
    own = Network(network(), Schedule.linear(), SHAPE, "v", learned_variance=True)
    x = torch.rand(1, *SHAPE) * 2 - 1
    operator = build(task, SHAPE, draw(task, SHAPE, np.random.default_rng(0)), own.dtype).rows(torch.zeros(2).long())
    problem = Problem(own, operator, operator(x.expand(2, *SHAPE)), task["sigma_y"], torch.tensor([0, 0]))
    done = samplers.find(name)(**settings(name)).sample(problem, Noise(0, ["a", "a"], [0, 1], own.dtype))
    assert done.x.dtype == torch.float32 and done.x.shape == (2, *SHAPE)
    assert done.x.isfinite().all()
    assert not torch.equal(done.x[0], done.x[1])
    assert done.cost.forwards > 0


@pytest.mark.parametrize("name", DENOISING)
def test_half_the_bits_in_the_network_change_little(name: str) -> None:
    """Restorations in bfloat16 are those in float32 to a hundredth, and agree with the measurement as well."""
    needs = samplers.find(name).needs
    task: dict[str, Any] = {"operator": "inpaint", "box": [0.25, 0.25, 0.75, 0.75], "sigma_y": 0.1 * ("noise" in needs)}
    x = torch.rand(1, *SHAPE) * 2 - 1
    found = {}
    for precision in ("float32", "bfloat16"):
        own = Network(network(), Schedule.linear(), SHAPE, "v", learned_variance=True, precision=precision)
        operator = build(task, SHAPE, draw(task, SHAPE, np.random.default_rng(0)), own.dtype).rows(
            torch.zeros(2).long()
        )
        y = operator(x.expand(2, *SHAPE))
        problem = Problem(own, operator, y, task["sigma_y"], torch.tensor([0, 0]))
        restored = samplers.find(name)(**settings(name)).sample(problem, Noise(0, ["a", "a"], [0, 1], own.dtype)).x
        assert restored.dtype == torch.float32
        found[precision] = restored, (operator(restored) - y).square().mean().sqrt()
    (exact, residual), (rough, other) = found["float32"], found["bfloat16"]
    assert not torch.equal(exact, rough)
    assert (exact - rough).square().mean() < 1e-4 * exact.square().mean()
    assert other <= 1.01 * residual + 1e-6


def test_precisions_that_do_not_exist(tmp_path: Path) -> None:
    from posterity.priors.loading import load

    with pytest.raises(PosterityError, match="precision 'int8' is none of float32, bfloat16"):
        load(tmp_path / "weights.safetensors", precision="int8")


LOOKS = {"copaint", "copaint_tt", "vipaint"}
"""CoPaint takes a step back where it made things worse, and looks once per step if it did anywhere; VIPaint looks once,
before its fit, which rows belong to one item."""


@pytest.mark.parametrize("name", [n for n in DENOISING if n not in LOOKS])
def test_samplers_stay_on_the_device_of_the_network(name: str) -> None:
    """And never wait for it: torch's device without storage cannot be read, nor mixed with the CPU."""
    sigma = 0.1 * ("noise" in samplers.find(name).needs)
    task: dict[str, Any] = {"operator": "inpaint", "box": [0.25, 0.25, 0.75, 0.75], "sigma_y": sigma}
    own = Network(network().to("meta"), Schedule.linear(), SHAPE, "v", learned_variance=True)
    operator = build(task, SHAPE, draw(task, SHAPE, np.random.default_rng(0)), own.dtype, own.device)
    rows = torch.zeros(2, dtype=torch.long, device="meta")
    problem = Problem(own, operator.rows(rows), torch.empty(2, *SHAPE, device="meta"), sigma, rows)
    done = samplers.find(name)(**settings(name)).sample(problem, Noise(0, ["a", "a"], [0, 1], own.dtype, own.device))
    assert done.x.device.type == "meta" and done.x.shape == (2, *SHAPE)


SETTINGS: dict[str, Any] = {
    "dataset": "d", "task": "sr2", "prior": {"name": "net", "kind": "network"}, "samples": 2, "seed": 0,
    "sampler": {"name": "ddnm", "method": "ddnm", "settings": {"steps": 5}, "wrap": []},
}  # fmt: skip


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """Four items and their measurements, as the stages before write them."""
    pictures = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rows = [{"dataset": "d", "item": f"i{k}", "split": "test", "signal": images.encode(x)}
            for k, x in enumerate(pictures)]  # fmt: skip
    store.write(tmp_path / "items.parquet", "items", rows, {})
    store.write(tmp_path / "regions.parquet", "regions", [], {})
    given = {"items": tmp_path / "items.parquet", "regions": tmp_path / "regions.parquet"}
    task = {"name": "sr2", "operator": "sr", "factor": 2, "sigma_y": 0.0}
    degrade.run({"dataset": "d", "task": task, "items": 4, "seed": 0}, **given, output=tmp_path / "y.parquet")
    return given | {"measurements": tmp_path / "y.parquet"}


def run(inputs: dict[str, Path], scale: float = 1.0, **changes: Any) -> list[dict[str, Any]]:
    """Rows of the samples by a network whose weights are ``scale`` times the usual ones."""
    folder = inputs["items"].parent
    content = save({k: scale * v for k, v in network().state_dict().items()})
    about = {"architecture": SMALL, "signal_shape": SHAPE, "prediction": "v", "schedule": "linear",
             "learned_variance": True, "weights": {"sha256": hashlib.sha256(content).hexdigest()}}  # fmt: skip
    (folder / "weights.safetensors").write_bytes(content)
    (folder / "card.json").write_text(json.dumps(about))
    output = folder / "samples.parquet"
    sample.run(SETTINGS | changes, **inputs, output=output, weights=folder / "weights.safetensors")
    return store.read(output, "samples").to_pylist()


def test_stage_sample_reads_the_network_from_its_file(inputs: dict[str, Path]) -> None:
    rows = run(inputs)
    assert len(rows) == 8 and all(row["mode"] is None and row["forwards"] == 5 for row in rows)
    # a noiseless measurement is kept: to the precision of the network's state
    assert min(row["lr_psnr"] for row in rows) > 60
    assert [row["signal"] for row in run(inputs, scale=0.5)] != [row["signal"] for row in rows]


HUNGRY = """
import torch
from posterity.samplers.base import Sampler, settings

sizes = []

@settings
class Hungry(Sampler):
    rows: int = 4

    def run(self, problem, noise):
        sizes.append(len(problem))
        if len(problem) > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return problem.predict(noise.normal("start"), problem.schedule.level(500)).x0
"""


def test_a_batch_that_is_too_large_for_the_memory_is_halved(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = inputs["items"].parent
    (folder / "hungry.py").write_text(HUNGRY)
    monkeypatch.setattr(samplers, "__path__", [*samplers.__path__, str(folder)])
    hungry = {"name": "hungry", "method": "hungry", "settings": {"rows": 8}, "wrap": []}
    whole = run(inputs, sampler=hungry)
    few = run(inputs, sampler=hungry | {"settings": {"rows": 4}})
    assert import_module("posterity.samplers.hungry").sizes == [8, 8, 4, 4]
    assert [r["item"] for r in few] == [r["item"] for r in whole]
    for a, b in zip(few, whole, strict=True):
        assert (signals.decode(a["signal"]) - signals.decode(b["signal"])).abs().max() <= 1 / 127
    with pytest.raises(PosterityError, match="the 2 samples of one item do not fit"):
        run(inputs, sampler=hungry | {"settings": {"rows": 1}})
