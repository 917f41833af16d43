"""MAT and SwinIR: networks of random weights in the published layouts, and what is told when they cannot work."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Denoising
from posterity.operators.superresolution import BicubicSR
from posterity.priors import restorer
from posterity.samplers import find
from posterity.samplers.base import Problem
from posterity.wrappers.base import Wrapped
from posterity.wrappers.diversity import Diversity


def denoised(prior, x_t, t):
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


@pytest.fixture(scope="module")
def swinir():
    """Two SwinIRs, of scale 4 and 1, as small as they can be, by their scale."""
    pytest.importorskip("spandrel")
    from spandrel.architectures.SwinIR import SwinIR

    torch.manual_seed(0)
    small = {"img_size": 16, "window_size": 4, "embed_dim": 12, "depths": [2], "num_heads": [2], "mlp_ratio": 2}
    return {
        4: SwinIR(upscale=4, upsampler="pixelshuffle", **small).eval(),
        1: SwinIR(upscale=1, upsampler="", **small).eval(),
    }


def published(path, network, key="params"):
    """As SwinIR's authors save it; the tensors alone where there is no key."""
    state = network.state_dict()
    torch.save({key: state} if key else state, path)
    return path


def problem(prior, operator, y, items, sigma_y=0.0):
    return Problem(prior, operator, y, sigma_y, torch.tensor(items))


def rows(items, samples, seed=0):
    return Noise(seed, items, samples, torch.float32)


@pytest.mark.parametrize("key", ["params", "params_ema", None])
def test_swinir_restores_as_the_network_alone(swinir, tmp_path, key):
    path = published(tmp_path / "x4.pth", swinir[4], key)
    prior = restorer.load(path, "swinir", (3, 64, 64))
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    operator = BicubicSR(4, (3, 64, 64)).to(torch.float32)
    y = operator(x)[[0, 1, 0]]
    done = find("swinir")().sample(problem(prior, operator, y, [7, 3, 7]), rows("aba", [0, 0, 1]))
    with torch.no_grad():
        wanted = 2 * swinir[4]((y + 1) / 2) - 1
    torch.testing.assert_close(done.x, wanted, rtol=0, atol=1e-5)
    assert torch.equal(done.x[0], done.x[2]) and not torch.equal(done.x[0], done.x[1])
    assert done.cost.forwards == 1 and prior.scale == 4


def test_swinir_that_leaves_the_size(swinir, tmp_path):
    save_file(swinir[1].state_dict(), tmp_path / "denoise.safetensors")
    prior = restorer.load(tmp_path / "denoise.safetensors", "swinir", (3, 16, 16))
    y = torch.rand(1, 3, 16, 16) * 2 - 1
    done = find("swinir")().sample(problem(prior, Denoising((3, 16, 16)), y, [0], 0.1), rows("a", [0]))
    with torch.no_grad():
        torch.testing.assert_close(done.x, 2 * swinir[1]((y + 1) / 2) - 1, rtol=0, atol=1e-5)
    wrong = problem(prior, BicubicSR(4, (3, 16, 16)), torch.zeros(1, 3, 4, 4), [0])
    with pytest.raises(
        PosterityError, match=r"scale 1 does not make \(3, 16, 16\) of measurements of shape \(3, 4, 4\)"
    ):
        find("swinir")().sample(wrong, rows("a", [0]))
    with pytest.raises(PosterityError, match="wrapper diversity: sampler swinir has no clean prediction to move"):
        Wrapped(find("swinir")(), (Diversity(eta=1),))
    with pytest.raises(PosterityError, match="a restorer has no denoiser"):
        denoised(prior, y, 3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda s: s | {"conv_first.bias": s["conv_first.bias"] * float("nan")},
            "conv_first.bias holds values that are",
        ),
        (lambda s: {k: v for k, v in s.items() if k != "norm.bias"}, "is not a whole network that spandrel knows"),
        (lambda s: {"weight": torch.zeros(3)}, "is not a whole network that spandrel knows"),
        (lambda s: s | {"norm.bias": torch.zeros(5)}, "is not a whole network that spandrel knows"),
    ],
)
def test_what_is_no_whole_swinir_is_refused(swinir, tmp_path, change, told):
    torch.save({"params": change(swinir[1].state_dict())}, tmp_path / "net.pth")
    with pytest.raises(PosterityError, match=told):
        restorer.load(tmp_path / "net.pth", "swinir", (3, 16, 16))


def test_files_run_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("ran",))

    for name in ("net.pth", "net.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps({"params": Trap(), "G_ema": Trap()}))
        with pytest.raises(PosterityError, match="is refused"):
            restorer.load(tmp_path / name, "swinir", (3, 16, 16))
    with pytest.raises(PosterityError, match="family 'unet' is none of mat, swinir"):
        torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
        restorer.load(tmp_path / "a.pth", "unet", (3, 16, 16))


@pytest.fixture(scope="module")
def generator():
    """MAT for the least size that it can have, with random weights."""
    pytest.importorskip("spandrel_extra_arches")
    from spandrel_extra_arches.architectures.MAT.__arch.MAT import Generator

    torch.manual_seed(0)
    return Generator(512, 0, 512, 128, 3, synthesis_kwargs={"use_noise": True}).eval()


def test_mat_is_loaded_from_its_layout_alone(generator, tmp_path):
    state = {key: value.contiguous() for key, value in generator.state_dict().items()}
    save_file(state, tmp_path / "mat.safetensors")
    prior = restorer.load(tmp_path / "mat.safetensors", "mat", (3, 128, 128))
    assert all(torch.equal(value, state[key]) for key, value in prior.network.state_dict().items())
    with pytest.raises(
        PosterityError, match=r"restores color images of 128x128 pixels, the measurements need \(3, 64, 64"
    ):
        restorer.load(tmp_path / "mat.safetensors", "mat", (3, 64, 64))
    del state["mapping.fc0.weight"]
    save_file(state, tmp_path / "mat.safetensors")
    with pytest.raises(PosterityError, match=r"is of another architecture: missing key mapping\.fc0\.weight"):
        restorer.load(tmp_path / "mat.safetensors", "mat", (3, 128, 128))
    torch.save({"synthesis.x": torch.zeros(1)}, tmp_path / "none.pth")
    with pytest.raises(PosterityError, match="is no generator of MAT"):
        restorer.load(tmp_path / "none.pth", "mat", (3, 128, 128))


def hole():
    """(operator, y of one image) with a hole in its middle."""
    keep = torch.ones(1, 1, 128, 128)
    keep[..., 40:90] = 0
    operator = Inpainting(keep, (3, 128, 128))
    return operator, operator(torch.rand(1, 3, 128, 128) * 2 - 1)


@pytest.mark.slow
def test_mat_paints_the_hole(generator):
    prior, (operator, y) = restorer.Restorer(generator, "mat", (3, 128, 128)), hole()
    done = find("mat")().sample(problem(prior, operator, y, [0]), rows("a", [0]))
    seen = operator.keep.bool().expand_as(y)
    assert torch.equal(done.x[seen], y[seen]) and done.x[~seen].abs().min() > 0 and done.cost.forwards == 1


class Drops(torch.nn.Module):
    """Called as MAT's generator is, and as random: a latent, and features that are dropped out in use too."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, image, keep, z, label, truncation, noise_mode):
        assert label.shape == (1, 0) and z.shape == (1, 512) and noise_mode == "const"
        painted = torch.nn.functional.dropout(truncation * z.mean() * torch.ones_like(image), training=True)
        return keep * image + (1 - keep) * painted


def test_mats_draws_are_the_rows_own():
    prior, (operator, y) = restorer.Restorer(Drops(), "mat", (3, 128, 128)), hole()
    y = y.expand(2, -1, -1, -1)
    state = torch.get_rng_state()
    both = find("mat")().sample(problem(prior, operator, y, [0, 0]), rows("aa", [0, 1])).x
    assert torch.equal(torch.get_rng_state(), state)  # and it leaves torch's as they are
    torch.manual_seed(5)
    alone = find("mat")().sample(problem(prior, operator, y[:1], [0]), rows("a", [1])).x
    assert torch.equal(alone[0], both[1]) and not torch.equal(both[0], both[1])
    dropped = (both[0] == 0)[~operator.keep.bool().expand_as(y)[0]].float().mean()
    assert 0.45 < dropped < 0.55
    narrow = find("mat")(truncation=0.5).sample(problem(prior, operator, y, [0, 0]), rows("aa", [0, 1])).x
    hidden = ~operator.keep.bool().expand_as(y)
    torch.testing.assert_close(narrow[hidden], both[hidden] / 2)


def test_samplers_want_their_own_restorer():
    prior = restorer.Restorer(torch.nn.Conv2d(3, 3, 1), "swinir", (3, 8, 8))
    y = torch.zeros(1, 3, 8, 8)
    with pytest.raises(PosterityError, match="sampler mat: its prior is a restorer of family 'swinir'"):
        find("mat")().sample(problem(prior, Inpainting(torch.ones(1, 1, 8, 8), (3, 8, 8)), y, [0]), rows("a", [0]))


def test_without_weights_a_run_is_not_applicable_and_says_why(tmp_path):
    """Through the stages: no samples, the reason as every metric's, and N/A in the table."""
    from posterity.artifacts import store
    from posterity.stages import measure, sample, select, table

    origin = {"settings": {"task": {"name": "inpaint_face", "operator": "inpaint", "regions": ["mouth_large"]}}}
    store.write(tmp_path / "y.parquet", "measurements", [], origin)
    settings = {
        "dataset": "faces", "task": "inpaint_face", "samples": 5, "seed": 0,
        "prior": {"name": "mat_celebahq", "kind": "restorer", "family": "mat"},
        "sampler": {"name": "mat", "method": "mat", "settings": {}, "wrap": []},
    }  # fmt: skip
    made, none = tmp_path / "mat.parquet", tmp_path / "none"
    sample.run(settings, items=none, regions=none, measurements=tmp_path / "y.parquet", output=made)
    both = {"samples": made, "measurements": tmp_path / "y.parquet", "assets": none}
    wanted = {"count": 5, "metrics": ["niqe", "psnr", "fid"], "seed": 0}
    measure.run(wanted, **both, subsets=None, posterior=None, reference=None, output=tmp_path / "metrics.parquet")
    chosen = {"count": 5, "features": "patch", "subsets": {"fps": {}}}
    select.run(chosen, **both, output=tmp_path / "subsets.parquet")
    inputs = [tmp_path / f"{name}.parquet" for name in ("y", "mat", "metrics", "subsets")]
    table.run({"experiment": "e", "table": "inpainting"}, inputs=inputs, output=tmp_path / "table.parquet")
    cells = {r["column"]: r for r in store.read(tmp_path / "table.parquet", "tables").to_pylist()}
    why = "N/A: the weights of mat_celebahq are missing; `posterity doctor` says where to get them"
    assert cells["niqe"]["row"] == "faces / inpaint_face / mat_celebahq / mat"
    assert cells["niqe"]["value"] is None and cells["niqe"]["note"] == why and cells["niqe"]["published"] == 4.69
