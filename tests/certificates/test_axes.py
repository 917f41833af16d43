"""Draws and axes where eigenvalues are equal: the same on every processor, and whatever rounding made of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from posterity.certificates import cases
from posterity.certificates.axes import root, spectrum
from posterity.certificates.conditional import Components, Conditional
from posterity.diffusion.noise import Noise
from posterity.operators.masks import Inpainting
from posterity.priors.mixture import Mixture

SHAPE = (1, 4, 4)


def covariance(rounding: float = 0.0) -> torch.Tensor:
    """Of pixels that correlate by their distance: its symmetry makes eigenvalues equal."""
    at = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    off = torch.randn(16, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return 0.04 * torch.exp(-torch.cdist(at, at) / 2) + rounding * (off + off.T)


def drawn(rounding: float = 0.0) -> dict[str, torch.Tensor]:
    """Everything that is drawn in closed form, with one covariance for all modes and with two."""
    means = torch.tensor([[-0.3], [0.3]], dtype=torch.float64).expand(2, 16)
    one = covariance(rounding)
    each = torch.stack([one, 0.5 * one])
    keep = torch.ones(4, 1, 4, 4)
    keep[..., 2:] = 0
    y = 0.1 * torch.ones(4, *SHAPE, dtype=torch.float64) * keep
    weights = torch.full((2,), 0.5, dtype=torch.float64)
    matrix = torch.eye(16, dtype=torch.float64)[keep[0].flatten() > 0]
    out = {}
    for name, covariances in (("shared", one[None]), ("of each", each)):
        prior = Mixture(weights, means.unflatten(1, SHAPE), one if name == "shared" else each)
        noise = Noise(0, ["x"] * 4, range(4))
        out[f"posterior, {name}"] = prior.posterior(Inpainting(keep, SHAPE), y, 0.05).sample(noise).flatten(1)
        components = Components(weights, means, covariances)
        out[f"components, {name}"] = components.draw(8, "axes")
        conditional = Conditional(components, matrix, y.flatten(1)[:, keep[0].flatten() > 0], 0.05)
        out[f"conditional, {name}"] = conditional.draw(8, "axes")
        out[f"standardised, {name}"] = conditional.standardised(out[f"conditional, {name}"], "axes")
    out["truths of the certificates"] = cases.make("gaussian", "inpaint", 4).instances[0].truths
    return out


def test_the_covariance_has_equal_eigenvalues() -> None:
    values = torch.linalg.eigvalsh(covariance())
    assert int((values.diff() < 1e-12 * values.max()).sum()) >= 4


@pytest.mark.parametrize("modes", ["shared", "of each"])
@pytest.mark.parametrize("what", ["posterior", "components", "conditional", "standardised"])
def test_rounding_of_a_covariance_does_not_turn_draws(what: str, modes: str) -> None:
    one, other = (drawn(rounding)[f"{what}, {modes}"] for rounding in (0.0, 1e-17))
    torch.testing.assert_close(other, one, rtol=0, atol=1e-9)


def test_axes_diagonalise_and_stay_where_rounding_turns_those_of_the_linear_algebra() -> None:
    values, vectors = spectrum(covariance())
    torch.testing.assert_close((vectors * values) @ vectors.T, covariance(), rtol=0, atol=1e-14)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(16, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(spectrum(covariance(1e-17))[1], vectors, rtol=0, atol=1e-9)
    turned = torch.linalg.eigh(covariance(1e-17))[1] - torch.linalg.eigh(covariance())[1]
    assert float(turned.abs().max()) > 0.1


def test_roots_are_symmetric_and_give_the_covariance() -> None:
    half = root(*spectrum(covariance()))
    torch.testing.assert_close(half, half.T, rtol=0, atol=1e-14)
    torch.testing.assert_close(half @ half, covariance(), rtol=0, atol=1e-14)


def test_another_processor_draws_the_same(tmp_path: Path) -> None:
    """Kernels of the oldest instruction set beside those that this machine would choose."""
    written = []
    for capability in ("default", None):
        file = tmp_path / f"{capability}.pt"
        environment = {k: v for k, v in os.environ.items() if k != "ATEN_CPU_CAPABILITY"}
        if capability:
            environment["ATEN_CPU_CAPABILITY"] = capability
        code = (
            f"import runpy, torch; drawn = runpy.run_path({__file__!r})['drawn']; torch.save(drawn(), {str(file)!r}); "
            "print(torch.backends.cpu.get_cpu_capability())"
        )
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        written.append((done.stdout.strip(), torch.load(file)))
    (oldest, one), (_, other) = written
    assert oldest == "DEFAULT"
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-9, msg=name)
