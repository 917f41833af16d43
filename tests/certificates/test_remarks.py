"""What a panel says beyond its verdicts: no posterior sampler at all, and a residual that the distance hides."""

from pathlib import Path

import pytest

from posterity import samplers
from posterity.certificates import panel, tiers
from posterity.certificates.cases import make
from posterity.certificates.expectations import Expectation, unexpected
from posterity.certificates.finding import Finding
from posterity.certificates.foreign import Foreign
from posterity.certificates.remarks import NONSENSE, hidden, known, nonsense
from posterity.stages import _expected


def found(**values):
    """A panel of nothing but these, of a sampler that is near to the exact one in all else."""
    usual = {"reading/between": 1.0, "spread/overall": 1.0, "residual/mean": 1.0, "residual/prior": 40.0}
    chosen = {**usual, **{k.replace("__", "/").replace("_", " "): v for k, v in values.items()}}
    return [Finding(*key.split("/"), value, 0.01, 1.0, 0.1) for key, value in chosen.items() if value is not None]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"reading__between": 0.049}, "y is not read"),
        ({"reading__between": 0.051}, ""),
        ({"spread__overall": 0.166}, "hardly any spread"),
        ({"spread__overall": 0.168}, ""),
        ({"residual__mean": 36.1}, "no nearer to y than draws of the prior"),
        ({"residual__mean": 35.9}, ""),
        ({"residual__mean": 9.0, "residual__prior": 9.5}, ""),  # y says little: not off by an order
        ({"residual__mean": None, "residual__violation": 1.3, "residual__prior": 1.4}, "no nearer to y"),
        ({"residual__mean": None, "residual__violation": 1.2, "residual__prior": 1.4}, ""),
        ({"spread__overall": None, "mmse__spread_gap": -8.0}, "hardly any spread"),  # known by draws alone
        ({"spread__overall": None, "mmse__spread_gap": -7.0}, ""),
        ({"reading__between": None}, ""),
    ],
)
def test_limits(values, told):
    why = nonsense(found(**values))
    assert (told in why) if told else not why


def test_a_little_of_y_is_read_where_another_y_moves_the_draws():
    """As CoPaint in few steps: its means hardly move, but every draw does, and its floor is 0."""
    low = found(reading__between=0.002)
    moved = [*low, Finding("reading", "same noise", 0.05, 0.0, floor=0.0, decides=False)]
    random = [*low, Finding("reading", "same noise", 0.16, 0.0, floor=0.15, decides=False)]
    assert not nonsense(moved) and "y is not read" in nonsense(random)


def test_what_is_stored_of_a_method_is_not_held_against_it():
    thin = found(spread__overall=0.02)
    assert nonsense(thin, known(["spread/overall"])) == ""
    assert nonsense(thin, known([])) and nonsense(thin, known(["spread/worst"]))
    assert nonsense(found(reading__between=0.0), known(["spread/overall"]))


def test_every_shipped_method_is_known_by_its_stored_bands():
    folder = Path(__file__).parents[2] / "resources/certificates"
    for path in folder.glob("*.json"):
        assert known(key for e in _expected.load(folder, path.stem).values() for key in e.bands) == {"spread"}


def test_a_residual_off_by_an_order_is_told():
    assert hidden(found()) == "" and hidden(found(residual__mean=3.1)) == ""
    assert "12 times the exact one: too wide along A" in hidden(found(residual__mean=12.0))
    assert "too narrow along A" in hidden(found(residual__mean=0.0))
    assert hidden(found(residual__mean=None)) == ""


def test_no_posterior_sampler_is_a_failure_whatever_is_stored():
    one = panel.Certificate("a", "p", "t", "quick", 0, (), (), NONSENSE, 0, 0, 0.0, 0, 0)
    assert unexpected(one, None) and unexpected(one, Expectation(5, True, {}))


def blind(denoise, A, y, sigma_y, noise):
    x_t = noise("init", 0)
    for t in range(denoise.steps - 1, -1, -50):
        a = denoise.alpha_bar(max(t - 50, -1))
        x_t = a**0.5 * denoise(x_t, t) + (1 - a) ** 0.5 * noise("step", t)
    return x_t


@pytest.mark.parametrize("prior", ["gaussian", "mixture"])
def test_who_does_not_read_y_is_told_on_a_toy_problem_too(prior):
    """There each problem has one measurement, so the sampler is asked for another one."""
    case = make(prior, "dense", 3, dim=12)
    one = panel.certify("blind", Foreign(blind), case, "small")
    assert one.verdict == NONSENSE and "y is not read" in one.reason
    exact = panel.certify("exact", samplers.find("exact")(), case, "small")
    told = {f.key: (f, v) for f, v in zip(exact.findings, exact.verdicts, strict=True)}
    assert told["reading/between"][1] in ("exact", "open") and exact.verdict != NONSENSE


@pytest.mark.parametrize("method", ["dps", "mgps"])
def test_dps_and_mgps_are_near_and_too_wide_along_a(method):
    """On the mixture in 20 dimensions, with the settings tuned for it and the quick tier's steps."""
    cls = samplers.find(method)
    sampler = cls(**tiers.options(method, cls, "quick", toy=True))
    one = panel.certify(method, sampler, make("mixture", "dense", 3, dim=20), "small")
    told = {f.key: f for f in one.findings}
    assert one.verdict == "approximate"
    assert told["sliced_wasserstein"].value < told["sliced_wasserstein/prior"].value
    assert told["residual/mean"].value > 3.2 and "too wide along A" in told["sliced_wasserstein"].note
