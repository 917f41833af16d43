"""Latent priors among the cases of `verify`: exact in states, and a solver that errs behind the decoder is caught."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from posterity.certificates import evidence, panel
from posterity.certificates.cases import LATENT, Case, make, tasks
from posterity.errors import PosterityError
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.latent import Latent
from posterity.samplers.dps import DPS
from posterity.samplers.exact import Exact
from posterity.samplers.gml_dps import GMLDPS
from posterity.samplers.psld import PSLD
from posterity.stages import verify

AFFINE = ("latent_gaussian", "latent_mixture")


@dataclass(frozen=True)
class Patched(PatchPCA):
    """A decoder that forgets a part of the scale, as two copies of a checkpoint's factor have done."""

    def decode(self, z, /):
        return super().decode(0.8 * z)


def spoilt(case):
    """The same measurements and exact posteriors; samplers see another decoder."""

    def one(instance):
        prior, coder = instance.prior, instance.prior.autoencoder
        parts = coder.matrix, coder.centre, coder.scale, coder.signal_shape, coder.patch
        return replace(instance, prior=Latent(prior.prior, Patched(*parts)), memory={})

    return Case(case.prior_name, case.task_name, one(case.wide), tuple(one(i) for i in case.deep))


@pytest.mark.parametrize("prior", AFFINE)
def test_a_case_of_states_agrees_with_the_prior_that_samplers_see(prior):
    """The posterior is written twice: of states by the matrix, and through QR by the latent prior."""
    for task in tasks(prior):
        instance = make(prior, task, 3).wide
        assert instance.dim == 8 and instance.truths.shape == (3, 8)
        found = instance.prior.posterior(instance.operator, instance.y, instance.sigma_y)
        mean = instance.prior.decode(instance.exact.mean.unflatten(1, (2, 2, 2)))
        torch.testing.assert_close(found.mean, mean, rtol=0, atol=1e-10)
        off = instance.measured - instance.truths @ instance.matrix.T
        assert 0.5 * instance.sigma_y < off.std() < 1.5 * instance.sigma_y, "what is left of y is noise"
    with pytest.raises(PosterityError, match="task 'inpaint' is not one that verify knows with latent_gaussian"):
        make("latent_gaussian", "inpaint", 3)


@pytest.mark.parametrize("prior", AFFINE)
def test_exact_draws_pass_and_a_wrong_scale_is_caught(prior):
    case = panel.case(prior, "inpaint_noisy", "quick")
    assert panel.certify("exact", Exact(), case, "quick").verdict == "exact"
    found = panel.certify("exact", Exact(), spoilt(case), "quick")
    assert found.verdict != "exact", found.verdict


def test_solvers_read_y_and_without_their_steps_they_do_not():
    """η = 0 beside each: a residual alone would not tell."""
    case = panel.case("latent_gaussian", "inpaint_noisy", "quick")
    wide = Case(case.prior_name, case.task_name, None, case.deep)
    solvers = (DPS(steps=30), GMLDPS(steps=30), PSLD(steps=30))
    for solver in solvers:
        assert panel.certify("on", solver, wide, "quick").verdict == "approximate"
        off = replace(solver, scale=0.0, **({} if isinstance(solver, DPS) else {"gluing": 0.0}))
        assert panel.certify("off", off, wide, "quick").verdict == "not a posterior sampler"


SOLVERS = ("dps", "gml_dps", "mgps", "psld", "resample", "resample_repository")
STORED = Path(__file__).parents[2] / "resources/certificates"


def flash():
    """The entry of PSLD that begins late, as ``posterity verify psld --wrap flash`` has it."""
    wrap = [{"flash": {"severity": "exact", "init": "calibrated"}}]
    return {
        "samplers": [{"method": "psld", "settings": {}, "wrap": wrap}], "priors": ["latent_gaussian"],
        "tasks": ["inpaint_noisy"], "dim": None, "tier": "quick", "seed": 0,
    }  # fmt: skip


def test_every_latent_solver_has_bands_plain_and_under_flash():
    for solver in SOLVERS:
        entries = json.loads((STORED / f"{solver}.json").read_text())["entries"]
        late = {("wrap" in json.loads(e["settings"]), e["prior"], e["task"]) for e in entries if e["seeds"] == 5}
        wanted = {(wrapped, prior, task) for wrapped in (False, True) for prior in LATENT for task in tasks(prior)}
        assert wanted <= late, solver


def test_a_late_start_stays_in_its_bands_and_one_at_another_time_leaves_them(tmp_path, monkeypatch):
    (found,), failed = verify.run(flash(), output=tmp_path / "as it is", expectations=STORED)
    assert found.verdict == "approximate" and not failed
    right = evidence._severities

    def thrice(*given):
        return {n: replace(s, variance=3 * s.variance) for n, s in right(*given).items()}

    monkeypatch.setattr(evidence, "_severities", thrice)
    (found,), _ = verify.run(flash(), output=tmp_path / "too early", expectations=STORED)
    assert found.verdict in ("regressed", "improved"), found.verdict
