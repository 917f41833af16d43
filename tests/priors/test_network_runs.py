"""Every sampler runs with a network prior, in the network's precision; stage "sample" reads one from its file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from posterity import samplers
from posterity.artifacts import images, store
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
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
    return {"steps": 10} if "steps" in fields else {}


@pytest.mark.parametrize("name", [n for n in samplers.names() if n != "exact"])
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


def test_stage_sample_reads_the_network_and_goes_on_with_another_when_the_file_changes(tmp_path: Path) -> None:
    pictures = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rows = [{"dataset": "d", "item": f"i{k}", "split": "test", "image": images.encode(x)}
            for k, x in enumerate(pictures)]  # fmt: skip
    store.write(tmp_path / "items.parquet", "items", rows, {})
    store.write(tmp_path / "regions.parquet", "regions", [], {})
    given = {"items": tmp_path / "items.parquet", "regions": tmp_path / "regions.parquet"}
    task = {"name": "sr2", "operator": "sr", "factor": 2, "sigma_y": 0.0}
    measured = {"dataset": "d", "task": task, "items": 2, "seed": 0}
    degrade.run(measured, **given, output=tmp_path / "y.parquet")
    settings = {
        "dataset": "d", "task": "sr2", "prior": {"name": "net", "kind": "network"}, "samples": 2, "seed": 0,
        "sampler": {"name": "ddnm", "method": "ddnm", "settings": {"steps": 5}, "guidance": None},
    }  # fmt: skip

    def run(scale: float) -> list[dict[str, Any]]:
        content = save({k: scale * v for k, v in network().state_dict().items()})
        about = {"architecture": SMALL, "signal_shape": SHAPE, "prediction": "v", "schedule": "linear",
                 "learned_variance": True, "weights": {"sha256": hashlib.sha256(content).hexdigest()}}  # fmt: skip
        (tmp_path / "weights.safetensors").write_bytes(content)
        (tmp_path / "card.json").write_text(json.dumps(about))
        output = tmp_path / "samples.parquet"
        sample.run(settings, **given, measurements=tmp_path / "y.parquet", output=output,
                   weights=tmp_path / "weights.safetensors")  # fmt: skip
        return store.read(output, "samples").to_pylist()

    first = run(1.0)
    assert len(first) == 4 and all(row["mode"] is None and row["forwards"] == 5 for row in first)
    # a noiseless measurement is kept: to the precision of the network's state
    assert min(row["lr_psnr"] for row in first) > 60
    assert [row["image"] for row in run(0.5)] != [row["image"] for row in first]
