"""Small pools of plain pictures (samples 0 to 5 of an item alike, 6 to 13 very different), and a study of them."""

import sys
from pathlib import Path

import pytest
import torch

from posterity.artifacts import images, store
from posterity.stages import study
from posterity.study.served import terms
from posterity.study.served.desk import Desk
from posterity.study.served.guard import Bucket

sys.path.insert(0, str(Path(__file__).parent))

from serving import Web

RUN = {"dataset": "d", "task": "t", "prior": "p"}
ITEMS = [f"item{n}" for n in range(6)]


def _picture(item: int, sample: int, guided: bool) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1000 * item + sample + 500 * guided)
    base = torch.full((3, 16, 16), 0.1 * item)
    spread = 0.9 if sample >= 6 or guided else 0.05
    colour = (torch.rand(3, 1, 1, generator=rng) * 2 - 1) * spread
    return base + colour + 0.02 * torch.randn(3, 16, 16, generator=rng)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Paths of samples (vanilla and guided) and subsets."""
    root = tmp_path_factory.mktemp("inputs")
    for sampler, count, guided in (("ddnm", 14, False), ("ddnm_guided", 5, True)):
        wrap = [{"diversity": {"eta": 0.9}}] if guided else []
        about = {"settings": {"sampler": {"name": sampler, "method": "ddnm", "settings": {}, "wrap": wrap}}}
        rows = [
            RUN | {"sampler": sampler, "item": item, "sample": s, "signal": images.encode(_picture(n, s, guided))}
            for n, item in enumerate(ITEMS) for s in range(count)
        ]  # fmt: skip
        store.write(root / f"{sampler}.parquet", "samples", rows, about)
    chosen = {"random": [0, 1, 2, 3, 4], "kmeans": [5, 6, 7, 8, 0], "fps": [7, 8, 9, 10, 11]}
    rows = [
        RUN | {"sampler": "ddnm", "item": item, "subset": name, "rank": r, "sample": s}
        for item in ITEMS for name, members in chosen.items() for r, s in enumerate(members)
    ]  # fmt: skip
    store.write(root / "subsets.parquet", "subsets", rows, {})
    return [root / "ddnm.parquet", root / "ddnm_guided.parquet", root / "subsets.parquet"]


@pytest.fixture
def settings():
    return {
        "experiment": "small",
        "count": 5,
        "questions": 50,
        "seed": 0,
        "comparisons": [
            {"study": "paired_diversity", "approach": "fps"},
            {"study": "coverage", "approach": "kmeans"},
            {"study": "paired_diversity", "approach": "guided"},
            {"study": "paired_quality", "approach": "guided"},
        ],
    }


@pytest.fixture(scope="module")
def packaged(tmp_path_factory, inputs):
    folder = tmp_path_factory.mktemp("study")
    comparisons = [("paired_diversity", "fps"), ("coverage", "kmeans")]
    comparisons += [("paired_diversity", "guided"), ("paired_quality", "guided")]
    settings = {"experiment": "small", "count": 5, "questions": 50, "seed": 0,
                "comparisons": [{"study": s, "approach": a} for s, a in comparisons]}  # fmt: skip
    study.run(settings, inputs=inputs, output=folder / "questions.parquet", assets=folder)
    return folder


@pytest.fixture
def desk(packaged, tmp_path):
    made = Desk(packaged, terms.parse({"completion_url": "https://example.org/done?cc=X1"}), tmp_path / "a.sqlite")
    yield made
    made.book.close()


@pytest.fixture
def web(desk):
    many = Bucket(1e6, 1e6)
    made = Web([desk], requests=many, newcomers=many)
    yield made
    made.stop()
