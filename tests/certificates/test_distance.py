"""The closed-form experiments' stage: what it computes, that it resumes, and what the spec says of its numbers."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from posterity.artifacts import store
from posterity.certificates import toys
from posterity.certificates.ancestral import ancestral, as_prior
from posterity.certificates.conditional import Conditional
from posterity.certificates.probing import Streams, rows
from posterity.certificates.statistics.sliced_wasserstein import sliced
from posterity.certificates.tuned import TUNED, tuned
from posterity.configuration import known, shapes
from posterity.configuration.problems import Problems
from posterity.errors import PosterityError
from posterity.operators.dense import Dense
from posterity.samplers.base import Problem
from posterity.samplers.mgps import MGPS
from posterity.stages import distance


def denoised(prior, x_t, t):
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SMALL = {"prior": "mixture", "dim": 4, "first": 0, "instances": 3, "samples": 60, "directions": 50, "seed": 0}


def measured(path, runs, name="one", **settings):
    """The artifact as a frame."""
    distance.run(SMALL | {"name": name, "runs": runs} | settings, output=path / f"{name}.parquet")
    return store.read(path / f"{name}.parquet", "distances").to_pandas()


def one(method, **settings):
    return {"method": method, "settings": settings}


def test_a_row_for_every_instance_and_setting(tmp_path):
    found = measured(tmp_path, [one("ddnm", steps=8), one("ddnm", steps=4)])
    assert found["instance"].tolist() == [0, 0, 1, 1, 2, 2]
    assert [json.loads(s)["steps"] for s in found["settings"]] == [8, 4] * 3
    assert found["forwards"].tolist() == [8, 4] * 3 and (found["value"] > 0).all() and (found["diverged"] == 0).all()
    assert set(found["statistic"]) == {"sliced_wasserstein"}


def test_between_the_floor_and_the_prior(tmp_path):
    mean = {m: measured(tmp_path, [one(m)], m)["value"].mean() for m in ("exact", "exact_score", "prior")}
    assert mean["exact"] < mean["exact_score"] * 1.5 < 0.5 * mean["prior"]


def test_an_instance_is_the_same_alone_and_after_others(tmp_path):
    together = measured(tmp_path, [one("ddnm", steps=8)])["value"].tolist()
    alone = measured(tmp_path, [one("ddnm", steps=8)], "alone", first=2, instances=1)["value"].tolist()
    assert together[2:] == alone


def test_a_stopped_job_continues(tmp_path, monkeypatch):
    whole = measured(tmp_path, [one("ddnm", steps=8)], "whole")
    made, truly = [], distance._instance

    def stops(settings, runs, number):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(number)
        return truly(settings, runs, number)

    monkeypatch.setattr(distance, "_instance", stops)
    with pytest.raises(KeyboardInterrupt):
        measured(tmp_path, [one("ddnm", steps=8)], "whole", instances=3)
    made.clear()
    again = measured(tmp_path, [one("ddnm", steps=8)], "whole", instances=3)
    assert made == [2] and again.drop(columns="seconds").equals(whole.drop(columns="seconds"))
    assert not list(tmp_path.glob(".*.parts/*/[!.]*"))


def test_diverged_draws_are_counted_and_count_as_draws_of_the_prior(tmp_path):
    lost = measured(tmp_path, [one("dps", steps=60, scale=1e6, clamp=False)], "lost")
    prior = measured(tmp_path, [one("prior")], "prior")
    assert (lost["diverged"] == 1).all()
    assert lost["value"].mean() == pytest.approx(prior["value"].mean(), rel=0.3)


def test_mistakes_are_told_before_anything_is_computed(tmp_path):
    with pytest.raises(PosterityError, match="sampler 'dpz' does not exist; choose one of copaint"):
        measured(tmp_path, [one("dpz")])
    with pytest.raises(PosterityError, match=r"sampler dps: .*scale"):
        measured(tmp_path, [one("dps", scale=-1)])
    assert not list(tmp_path.iterdir())


def test_the_recursion_and_its_sampler_are_measured_alike(tmp_path):
    settings = {"prior": "gaussian", "dim": 4, "instances": 1, "samples": 400}
    fits = tuned("mgps", ()) | {"steps": 20, "rate": 0.05, "last": 0, "first": 0, "every": 1, "every_fits": 15}
    drawn = measured(tmp_path, [one("mgps", **fits | {"eta": 0.5, "late_eta": 0.5})], "drawn", **settings)
    followed = measured(tmp_path, [one("recursion", eta=0.5, steps=20)], "followed", **settings)
    assert set(drawn["statistic"]) == {"w2"}
    # a little further away: the fits are diagonal, and moments of 400 draws have errors
    assert 0.9 < drawn["value"][0] / followed["value"][0] < 1.8


def test_references_and_priors_are_those_that_the_configuration_knows():
    assert tuple(distance.REFERENCES) == known.REFERENCES
    assert tuple(toys.TOYS) == known.TOYS


@pytest.mark.parametrize("method", list(TUNED))
def test_tuned_settings_are_valid_and_say_where_they_are_from(method):
    problems, shape = Problems(), shapes.schema("samplers")[method]["settings"]
    given = tuned(method, shape["properties"])
    assert shapes.check(given, {k: v for k, v in shape.items() if k != "required"}, method, problems)
    assert TUNED[method].source


def test_nothing_is_cut_to_a_range():
    for method, each in shapes.schema("samplers").items():
        assert tuned(method, each["settings"]["properties"]).get("clamp", False) is False
        assert ("clamp" in each["settings"]["properties"]) == ("clamp" in tuned(method, each["settings"]["properties"]))


def test_unconditional_draws_have_the_weights_of_the_mixture():
    """χ² of nearest means, 24 degrees of freedom: 51.2 at one in a thousand. Modes come out a little narrow."""
    toy = toys.mixture(20, 0)
    x = ancestral(toy.prior, rows(Streams, 2000), 300).flatten(1)
    nearest = torch.cdist(x, toy.components.means).argmin(1)
    expected = 2000 * toy.components.weights
    seen = torch.bincount(nearest, minlength=25)
    assert ((seen - expected).square() / expected).sum() < 51.2
    assert 0.95 < (x - toy.components.means[nearest]).var() < 1


def test_the_posteriors_own_denoiser_leads_to_the_posterior():
    toy = toys.mixture(4, 1)
    exact = Conditional(toy.components, toy.matrix, toy.y, toy.sigma_y)
    prior, t = as_prior(exact, toy.prior), 300
    a = prior.schedule.alpha_bar(t)
    x = torch.randn(3, 1, 1, 4, dtype=torch.float64, requires_grad=True)
    # Tweedie with the law of x_t given y: E[x0 | x_t, y] = (x_t + (1-a) ∇ log p_t(x_t | y))/√a
    law = torch.distributions.MultivariateNormal(
        math.sqrt(a) * exact.means[0],
        a * (exact.vectors[0] * exact.values[0]) @ exact.vectors[0].T + (1 - a) * torch.eye(4),
    )
    (score,) = torch.autograd.grad(
        torch.logsumexp(exact.log_weights[0] + law.log_prob(x.flatten(1)[:, None]), 1).sum(), x
    )
    torch.testing.assert_close(denoised(prior, x, t), (x + (1 - a) * score) / math.sqrt(a))


def test_sliced_wasserstein_of_shifted_gaussians():
    """E|⟨θ, δ⟩| = ‖δ‖ Γ(d/2)/(√π Γ((d+1)/2))."""
    rng = np.random.default_rng(0)
    d, shift = 6, torch.tensor([3.0, 0, 4, 0, 0, 0]).double()
    x, other = (torch.from_numpy(rng.standard_normal((1, 1000, d))) for _ in range(2))
    directions = torch.from_numpy(rng.standard_normal((500, d)))
    directions = directions / directions.norm(dim=1, keepdim=True)
    expected = 5 * math.gamma(d / 2) / (math.sqrt(math.pi) * math.gamma((d + 1) / 2))
    assert sliced(x, other + shift, directions).item() == pytest.approx(expected, rel=0.05)


def test_a_midpoint_inside_beats_others_on_the_mixture():
    """Spec of closed-form priors, B.5: mean over ten paired instances, η = 0.75 against 0.5 and 1.

    All instances are in one batch: they have the same means, and a weight, a matrix and a y for each row.
    """
    count, many = 20, [toys.mixture(20, i) for i in range(10)]
    index = torch.arange(len(many)).repeat_interleave(count)
    prior = many[0].prior
    prior.weights = torch.stack([t.components.weights for t in many])[index]
    operator = Dense(torch.cat([t.operator.matrix for t in many]), prior.signal_shape).rows(index)
    y = torch.cat([t.y for t in many])[index]
    exact = [Conditional(t.components, t.matrix, t.y, t.sigma_y).draw(count, i) for i, t in enumerate(many)]
    directions = torch.nn.functional.normalize(torch.from_numpy(np.random.default_rng(0).normal(size=(200, 20))))
    mean = {}
    for eta in (0.5, 0.75, 1.0):
        sampler = MGPS(**tuned("mgps", ()) | {"steps": 100, "eta": eta, "late_eta": eta})
        problem = Problem(prior, operator, y, many[0].sigma_y, index)
        x = sampler.sample(problem, rows(Streams, len(index))).x.view(len(many), count, -1)
        mean[eta] = float(sliced(x, torch.cat(exact), directions).mean())
    assert mean[0.75] < min(mean[0.5], mean[1.0]), mean


def test_the_artifact_says_what_made_it(tmp_path):
    measured(tmp_path, [one("exact")])
    about = store.provenance(tmp_path / "one.parquet")
    assert about["kind"] == "distances" and about["origin"]["settings"]["samples"] == 60
    assert pq.read_table(tmp_path / "one.parquet").num_rows == 3
