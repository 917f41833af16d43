"""What every sampler owes: rows that do not see their batch, honest costs, late starts, settings that are checked."""

import json
from itertools import pairwise

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from posterity import samplers
from posterity.diffusion.grids import spaced, time_travel
from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.priors.autoencoders.affine import Orthonormal
from posterity.priors.kernel import Kernel
from posterity.priors.latent import Latent
from posterity.wrappers.diversity import Diversity

SHAPE = (3, 4, 4)
# With the settings that their classes name for the quick tier.
EVALUATIONS = {"ddrm": 20, "ddnm": 50, "dps": 50, "repaint": 50, "replacement": 50, "ilvr": 50}
EVALUATIONS |= {"pgdm": 50, "diffpir": 49, "reddiff": 100, "reddiff_v": 100}
SEVERAL_A_STEP = {"copaint", "copaint_tt", "mgps", "resample_repository"}
GUIDABLE = [name for name in samplers.names() if samplers.find(name).guidable]  # a new file is tested here unnamed
WITHOUT_STATE = {name for name in GUIDABLE if not samplers.find(name).begins_late}  # they optimise, or fit, first
ELSEWHERE = {"reddiff_v", "vipaint"}  # they ask about random levels, and draws begin where a fit is, if anywhere


@pytest.fixture
def batch():
    """Six rows of three items, each item with its own mask: (operator, y, items)."""
    items = torch.tensor([0, 0, 1, 1, 1, 2])
    rng = torch.Generator().manual_seed(1)
    keep = (torch.rand(3, 1, 4, 4, generator=rng) < 0.5).double()[items]
    x = torch.rand(3, *SHAPE, generator=rng, dtype=torch.float64)[items]
    return Inpainting(keep, SHAPE), keep * x, items


def quick(name):
    """With what its class names for tests and for the quick tier: a new one that is slow ends, too."""
    cls = samplers.find(name)
    return cls(**cls.quick)


def around(name, prior):
    """The prior itself, or for a sampler of latent priors a latent one whose states are the same numbers."""
    if "latent" not in samplers.find(name).needs:
        return prior
    return Latent(prior, Orthonormal(torch.eye(48, dtype=torch.float64), SHAPE, SHAPE))


def noise_level(name):
    return 0.1 if "noise" in samplers.find(name).needs else 0.0


def draw(bench, name, batch, index, guidance=None):
    """The rows ``index`` of the batch, restored together."""
    operator, y, items = batch
    index = torch.as_tensor(index)
    names, numbers = ["a", "a", "b", "b", "b", "c"], [0, 1, 0, 1, 2, 0]
    noise = Noise(7, [names[i] for i in index], [numbers[i] for i in index])
    options = {"noise": noise, "items": items[index], "guidance": guidance}
    prior, sigma_y = around(name, bench.Network(SHAPE)), noise_level(name)
    return bench.restore(quick(name), prior, operator.rows(index), y[index], sigma_y, **options).x


@pytest.mark.parametrize("name", GUIDABLE)
def test_a_row_is_the_same_alone_and_in_a_batch(bench, batch, name):
    together = draw(bench, name, batch, range(6))
    for row in range(6):
        assert torch.allclose(draw(bench, name, batch, [row])[0], together[row], atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", GUIDABLE)
def test_a_row_is_the_same_alone_in_8_and_in_512(bench, batch, name):
    operator, y, _ = batch
    many = torch.arange(512) % 6
    runs = []
    for count in (512, 8, 1):
        rows = many[:count]
        options = {"noise": Noise(7, [f"item {i}" for i in range(count)], [0] * count), "items": torch.arange(count)}
        sampler, prior = quick(name), around(name, bench.Network(SHAPE))
        runs.append(bench.restore(sampler, prior, operator.rows(rows), y[rows], noise_level(name), **options).x)
    large, eight, alone = runs
    assert torch.allclose(eight, large[:8], atol=1e-5, rtol=0) and torch.allclose(alone, large[:1], atol=1e-5, rtol=0)
    assert (large[:8] - large[8:16]).abs().max() > 1e-3, "rows have noise of their own"


@pytest.mark.parametrize("name", GUIDABLE)
def test_a_guided_item_is_the_same_alone_and_in_a_shuffled_batch(bench, batch, name):
    guidance = Diversity(eta=0.5, threshold=0.2)
    together = draw(bench, name, batch, range(6), guidance)
    shuffled = [4, 0, 5, 3, 1, 2]
    assert torch.allclose(draw(bench, name, batch, shuffled, guidance), together[shuffled], atol=1e-12, rtol=0)
    alone = draw(bench, name, batch, [2, 3, 4], guidance)
    assert torch.allclose(alone, together[2:5], atol=1e-12, rtol=0)
    vanilla = draw(bench, name, batch, range(6))
    assert torch.equal(together[5], vanilla[5])  # a single sample has nobody to move away from
    assert (together[:5] - vanilla[:5]).flatten(1).abs().amax(1).min() > 1e-6


@pytest.mark.parametrize("name", GUIDABLE)
@pytest.mark.parametrize("guidance", [Diversity(eta=0.0, threshold=0.2), Diversity(eta=0.8, threshold=0.0)])
def test_guidance_of_no_strength_or_reach_changes_no_bit(bench, batch, name, guidance):
    assert torch.equal(draw(bench, name, batch, range(6), guidance), draw(bench, name, batch, range(6)))


@pytest.mark.parametrize("name", GUIDABLE)
def test_guidance_costs_no_evaluation_and_spreads_samples(bench, batch, name):
    """Guided samples of one item are farther apart, with the same count of network calls."""
    operator, y, _ = batch
    pools = []
    for guidance in (None, Diversity(eta=1.5)):
        prior, noise = around(name, bench.Gaussian(SHAPE, 0.05 * torch.eye(48))), Noise(7, ["a"] * 5, range(5))
        options = {"noise": noise, "items": [0] * 5, "guidance": guidance}
        operator_of_all, sigma_y = operator.rows(torch.zeros(5).long()), noise_level(name)
        samples = bench.restore(quick(name), prior, operator_of_all, y[:1], sigma_y, **options)
        pools.append((samples.cost.forwards, torch.pdist(samples.x.flatten(1)).mean()))
    assert pools[0][0] == pools[1][0] == EVALUATIONS.get(name, pools[0][0])
    assert pools[1][1] > 1.01 * pools[0][1]


FRACTIONS = {
    "ddrm": [s / 1000 for s in range(900, 0, -50)],  # of the next time, and none of it at 0 and -1
    "ddnm": [s / 1000 for s in range(960, 0, -20)],
    "dps": [t / 1000 for t in reversed(spaced(50)) if t > 0],  # of the current time
    "repaint": [k / 30 for k, after in pairwise(time_travel(30, 10, 2)) if k > after and k > 0],  # of the level
}


@pytest.mark.parametrize("name", sorted(FRACTIONS))
def test_guidance_is_called_where_the_source_calls_it(bench, batch, name):
    fractions = []

    def watching(x0, items, unknowns, fraction):
        assert x0.shape == (6, *SHAPE) and torch.equal(items, batch[2])
        assert torch.equal(unknowns, 3 * (1 - batch[0].keep).sum((1, 2, 3)))
        fractions.append(fraction)
        return x0

    draw(bench, name, batch, range(6), watching)
    assert fractions == pytest.approx(FRACTIONS[name])


@pytest.mark.parametrize("name", sorted({*GUIDABLE} - WITHOUT_STATE))
def test_a_late_start_skips_the_times_before_it(bench, batch, name):
    operator, y, _ = batch
    prior, steps = bench.Network(SHAPE), []
    x_t = torch.randn(6, *SHAPE, dtype=torch.float64)
    noise = Noise(0, list("abcdef"), [0] * 6)
    watch = lambda step, count, x0: steps.append((step, count, x0.shape))  # noqa: E731
    options = {"noise": noise, "start": (300, x_t), "watch": watch}
    samples = bench.restore(quick(name), around(name, prior), operator, y, noise_level(name), **options)
    assert 300 - 1.1 * 1000 / quick(name).steps <= prior.times[0] <= 300
    assert samples.cost.forwards == len(prior.times) < EVALUATIONS.get(name, 1000)
    assert len(steps) == len(prior.times) or name in SEVERAL_A_STEP
    assert all(0 <= step < count and shape == (6, *SHAPE) for step, count, shape in steps)


@pytest.mark.parametrize("name", sorted(WITHOUT_STATE))
def test_a_late_start_without_a_state_is_refused(bench, batch, name):
    operator, y, _ = batch
    with pytest.raises(PosterityError, match="has no noisy state to begin late from"):
        noise = Noise(0, list("abcdef"), [0] * 6)
        bench.restore(quick(name), bench.Network(SHAPE), operator, y, noise=noise, start=(300, y))


def test_exact_draws_from_the_posterior_in_independent_streams(bench):
    images = 2 * torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    prior, operator = Kernel(images, torch.ones(5), 0.1), bench.operators(SHAPE)["sr"]
    y, noise = operator(images[:1]).expand(8, -1, -1, -1), Noise(3, ["a"] * 8, range(8))
    exact = samplers.find("exact")
    first, again, other = (bench.restore(exact(stream=k), prior, operator, y, 0.1, noise=noise) for k in (0, 0, 1))
    assert torch.equal(first.x, prior.posterior(operator, y, 0.1).sample(noise))
    assert torch.equal(first.x, again.x) and first.cost.forwards == 0
    assert (first.x - other.x).flatten(1).norm(dim=1).min() > 1e-3
    with pytest.raises(PosterityError, match="sampler exact"):
        bench.restore(exact(), prior, operator, y, 0.1, noise=noise, guidance=Diversity(eta=0.5))


def test_the_posterior_mean_is_that_of_the_posterior_and_no_draw(bench):
    images = 2 * torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    prior, operator = Kernel(images, torch.ones(5), 0.1), bench.operators(SHAPE)["sr"]
    y, mean = operator(images[:2]), samplers.find("posterior_mean")()
    first, again = (
        bench.restore(mean, prior, operator, y, 0.1, noise=Noise(seed, list("ab"), range(2))) for seed in (3, 4)
    )
    assert torch.equal(first.x, prior.posterior(operator, y, 0.1).mean) and torch.equal(first.x, again.x)
    assert first.cost.forwards == 0


def test_schema_describes_every_method():
    schema = json.loads(json.dumps(samplers.schema()))
    assert list(schema) == samplers.names() and {*EVALUATIONS, *SEVERAL_A_STEP, "exact"} <= set(schema)
    assert schema["ddrm"]["needs"] == ["svd"] and schema["exact"]["guidable"] is False
    assert schema["repaint"]["needs"] == ["mask", "noiseless"]
    assert {name for name, entry in schema.items() if entry["baseline"]} == {
        "mat",
        "posterior_mean",
        "swinir",
        "traineddiff",
    }
    for entry in schema.values():
        assert entry["doc"].endswith(".")
        assert all("description" in field for field in entry["settings"]["properties"].values())
        assert entry["settings"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ddrm", {"eta": 1.5}),
        ("ddrm", {"etta": 0.5}),
        ("ddnm", {"steps": 0}),
        ("dps", {"scale": -1}),
        ("repaint", {"jump_repeat": 0}),
        ("exact", {"stream": -1}),
    ],
)
def test_settings_out_of_range_or_unknown_are_refused(name, wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(samplers.find(name)).validate_python(wrong)


@pytest.mark.parametrize("name", samplers.names())
def test_what_a_class_names_for_a_tier_are_settings_and_frozen(name):
    cls = samplers.find(name)
    for named in (cls.quick, cls.standard):
        TypeAdapter(cls).validate_python(dict(named))
        with pytest.raises(TypeError):
            named["steps"] = 1


def test_an_unknown_method_is_no_file():
    with pytest.raises(PosterityError, match="sampler 'base' does not exist; choose one of copaint,"):
        samplers.find("base")


@pytest.mark.parametrize("steps", [3, 7, 21, 30, 61])
@pytest.mark.parametrize("name", sorted({*GUIDABLE} - ELSEWHERE))
def test_a_run_of_any_count_begins_in_noise(bench, batch, name, steps):
    operator, y, items = batch
    prior = bench.Network(SHAPE)
    more = {"jump_length": 100} if name in {"repaint", "copaint_tt"} else {}
    noise = bench.rows(bench.Draws, 6)
    bench.restore(
        samplers.find(name)(steps=steps, **more), around(name, prior), operator, y, noise_level(name), noise, items
    )
    assert prior.schedule.alpha_bar(prior.times[0]) < 1e-3


@pytest.mark.parametrize("name", ["ddnm", "ddrm", "pgdm"])
def test_modes_have_their_weight_at_any_count(bench, name):
    """Two flat images with the same known row, .95 of the mass on one: a run that begins at t = 500 says .62."""
    rows, images = 200, torch.full((2, 1, 12, 12), 1.2, dtype=torch.float64)
    images[1] *= -1
    images[:, :, 0] = 0
    prior = Kernel(images, torch.tensor([0.95, 0.05]), bandwidth=0.05)
    keep = torch.zeros(rows, 1, 12, 12, dtype=torch.float64)
    keep[:, :, 0] = 1
    operator = Inpainting(keep, images.shape[1:])
    y = operator(images[:1].expand(rows, -1, -1, -1))
    drawn = bench.restore(samplers.find(name)(steps=501), prior, operator, y, noise=bench.rows(bench.Draws, rows)).x
    bright = (drawn[:, :, 1:].mean((1, 2, 3)) > 0).double().mean()
    assert bright == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / rows) ** 0.5)
