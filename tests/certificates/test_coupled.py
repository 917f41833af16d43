"""Coupled noise leaves single samples as they are: their certificates stay within the bands of the plain sampler."""

import pytest

from posterity import samplers
from posterity.certificates import panel
from posterity.certificates.gates import bands
from posterity.certificates.tiers import options
from posterity.samplers.base import Sampler
from posterity.wrappers.base import Wrapped
from posterity.wrappers.coupled_noise import CoupledNoise


class OnePerSet(Sampler):
    """Draws coupled samples of which no two share a set, so that they are independent, if single ones are sound."""

    def __init__(self, sampler, group=5):
        self.wrapped, self.group = Wrapped(sampler, (CoupledNoise(group=group),)), group
        self.needs = sampler.needs

    def run(self, problem, noise):
        firsts = noise.like(noise.items, [self.group * sample for sample in noise.samples])
        return self.wrapped.run(problem, firsts)


@pytest.fixture(scope="module")
def mixture():
    return panel.case("mixture", "inpaint_noisy", "small")


def quick(name):
    cls = samplers.find(name)
    return cls(**options(name, cls, "quick"))


@pytest.mark.parametrize("name", ["ddrm", "pgdm", "dps"])
def test_certificates_of_single_samples_are_the_plain_ones(mixture, name):
    """All that decides: distances, calibration, spread, modes, means of pools, and that a row is the same alone."""
    expected = bands(quick(name), mixture, "small", seed=10, seeds=4)
    certificate = panel.certify(name, OnePerSet(quick(name)), mixture, "small", seed=3, expected=expected)
    verdicts = {f.key: v for f, v in zip(certificate.findings, certificate.verdicts, strict=True) if f.decides}
    assert {"spread/worst", "sliced_wasserstein", "coupling/batch", "coupling/pools"} <= set(verdicts)
    assert "regressed" not in verdicts.values(), verdicts
    plain = panel.certify(name, quick(name), mixture, "small", seed=3)
    assert certificate.forwards == plain.forwards and certificate.backwards == plain.backwards


def test_sets_are_coupled_and_it_is_not_held_against_them(mixture):
    certificate = panel.certify("ddrm", Wrapped(quick("ddrm"), (CoupledNoise(),)), mixture, "small")
    each = {f.key: (f, v) for f, v in zip(certificate.findings, certificate.verdicts, strict=True)}
    assert each["coupling/batch"][1] == "n/a" and each["coupling/pools"][1] == "reported"
    assert each["coupling/pools"][0].value < 0.9  # means of pools vary less than those of independent draws
    assert each["reading/same noise"][0].floor == 0
