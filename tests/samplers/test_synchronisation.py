"""No sampler reads a tensor's value during its steps: on a GPU each such read makes the host wait for the device."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from posterity import samplers
from posterity.diffusion.noise import Noise
from posterity.operators.masks import Inpainting
from posterity.wrappers.diversity import Diversity

SHAPE = (3, 4, 4)
READS = {"_local_scalar_dense", "is_nonzero", "item", "equal", "nonzero", "masked_select", "_unique2", "unique_dim"}
"""Operations whose result, or whose shape of the result, the host must wait for."""

WAITS = {
    "copaint": "its line search stops when every row has a step that does not raise the loss",
    "copaint_tt": "CoPaint's line search",
}


class Reads(TorchDispatchMode):
    """Counts the operations that would wait."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # noqa: ARG002
        self.count += function.__name__.partition(".")[0] in READS
        return function(*args, **(kwargs or {}))


def reads(bench, name, steps, guidance=None):
    """How often a run of ``steps`` steps reads a value."""
    kind = samplers.find(name)
    keep = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    keep[..., 2:] = 0
    operator, x = Inpainting(keep, SHAPE), torch.rand(6, *SHAPE, dtype=torch.float64)
    sigma_y = 0.0 if "noiseless" in kind.needs else 0.1
    noise = Noise(0, list("aaabbb"), [0, 1, 2, 0, 1, 2])
    extra = {"copaint_tt": {"jump_length": 2}, "repaint": {"jump_length": 2, "jump_repeat": 2}}.get(name, {})
    with Reads() as mode:
        options = {"noise": noise, "items": [0, 0, 0, 1, 1, 1], "guidance": guidance}
        bench.restore(kind(steps=steps, **extra), bench.Network(SHAPE), operator, operator(x), sigma_y, **options)
    return mode.count


ENOUGH = Inpainting.has | {"noise", "noiseless"}
NAMES = [name for name in samplers.names() if samplers.find(name).needs <= ENOUGH]


def test_reads_are_seen():
    x = torch.rand(3)
    with Reads() as mode:
        float(x[0]), bool((x > 2).any()), x.nonzero(), x.unique(), 2 * x
    assert mode.count == 4


@pytest.mark.parametrize("name", sorted({*NAMES} - {*WAITS}))
def test_steps_read_nothing(bench, name):
    few, many = (reads(bench, name, steps) for steps in (6, 12))
    assert few == many


@pytest.mark.parametrize("name", sorted(WAITS))
def test_what_waits_says_so(bench, name):
    """An exception that needs none any more should leave the list."""
    assert reads(bench, name, 6) < reads(bench, name, 12)


@pytest.mark.parametrize("name", sorted({name for name in NAMES if samplers.find(name).guidable} - {*WAITS}))
def test_guided_steps_read_nothing(bench, name):
    few, many = (reads(bench, name, steps, Diversity(eta=0.5)) for steps in (6, 12))
    assert few == many
