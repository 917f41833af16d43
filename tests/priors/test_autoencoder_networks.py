"""Networks as autoencoders: modes and not draws, one scale, code books in guidance, descent that continues, files."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from posterity import priors
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.priors.atoms import Atoms
from posterity.priors.autoencoders import networks
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.autoencoders.examination import alike, examine
from posterity.priors.autoencoders.network import NetworkAutoencoder, load
from posterity.priors.autoencoders.training import Trainer, Training
from posterity.priors.base import NoClosedForm

SHAPE, STATE = (3, 16, 16), (4, 4, 4)
SMALL = {"steps": 12, "batch": 4, "warm_up": 2, "width": 8, "encoder_blocks": 1, "decoder_blocks": 1,
         "channels": (8, 8, 8), "codes": 16}  # fmt: skip
FAMILIES = networks.REGISTRY.names()


def pictures(count=10):
    """Images that differ in little: a coloured square somewhere on white."""
    rng = np.random.default_rng(0)
    out = torch.ones(count, *SHAPE)
    for picture in out:
        top, left = rng.integers(0, 10, 2)
        picture[:, top : top + 6, left : left + 6] = torch.from_numpy(rng.uniform(-1, 0, (3, 1, 1)))
    return out


def trainer(family, **changes):
    how = Training(**SMALL | {"family": family} | changes)
    return Trainer(pictures(), torch.ones(10), how, torch.device("cpu"))


def made(family, scale=1.0, **options):
    torch.manual_seed(0)
    network = networks.REGISTRY.module(family).build(**Training(**SMALL, family=family).architecture(SHAPE))
    for p in network.parameters():  # none of them 0
        p.data = p.data + 0.1 * torch.randn(p.shape)
    return NetworkAutoencoder(network, family, SHAPE, scale, **options)


def stored(folder, autoencoder, family, /, **changes):
    """The file that a training leaves, and its card."""
    import hashlib

    folder.mkdir(exist_ok=True)
    path = folder / "weights.safetensors"
    save_file({k: v.contiguous() for k, v in autoencoder.network.state_dict().items()}, path)
    card = {"family": family, "architecture": Training(**SMALL, family=family).architecture(SHAPE),
            "signal_shape": list(SHAPE), "state_shape": list(STATE), "scale": autoencoder.scale,
            "weights": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}} | changes  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card))
    return path


@pytest.mark.parametrize("family", FAMILIES)
def test_a_scale_is_inside_both_maps_and_nothing_is_drawn(family):
    plain, scaled = made(family), made(family, scale=2.5)
    x = pictures(3).double()
    assert plain.state_shape == STATE and not plain.affine
    z = plain.encode(x)
    assert z.dtype == torch.float64 and torch.equal(z, plain.encode(x))
    torch.testing.assert_close(scaled.encode(x), 2.5 * z, rtol=1e-6, atol=0)
    torch.testing.assert_close(scaled.decode(2.5 * z), plain.decode(z), rtol=1e-4, atol=1e-5)


def test_the_mean_of_a_law_and_the_code_before_the_book_are_the_states():
    x = pictures(2)
    kl, vq = made("kl"), made("vq")
    moments = kl.network.quant_conv(kl.network.encoder(x))
    assert torch.equal(kl.encode(x), moments.chunk(2, dim=1)[0])
    assert torch.equal(vq.encode(x), vq.network.quant_conv(vq.network.encoder(x)))


def nearest(vq, z):
    """The codes of the book that are nearest to z (B, *state), by looking at all."""
    book = vq.network.quantize.embedding.weight
    flat = z.movedim(1, -1).reshape(-1, 1, len(book.T))
    return book[(flat - book).square().sum(-1).argmin(1)].reshape(*z.movedim(1, -1).shape).movedim(-1, 1)


@pytest.mark.parametrize("in_guidance", [True, False])
def test_gradients_pass_through_a_book_as_if_it_were_not_there(in_guidance):
    vq, z = made("vq", quantise_in_guidance=in_guidance), torch.randn(2, *STATE)
    codes = nearest(vq, z)
    assert not torch.allclose(codes, z)
    shown = vq.network.decoder(vq.network.post_quant_conv(codes))
    torch.testing.assert_close(vq.decode(z), shown, rtol=1e-4, atol=1e-5)  # what people see

    asked, at = z.clone().requires_grad_(), (codes if in_guidance else z).clone().requires_grad_()
    weights = torch.randn(2, *SHAPE)
    (found,) = torch.autograd.grad((weights * vq.decode(asked)).sum(), asked)
    (wanted,) = torch.autograd.grad((weights * vq.network.decoder(vq.network.post_quant_conv(at))).sum(), at)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_reach_states_and_images_and_no_weight(family):
    autoencoder = made(family)
    z, x = torch.randn(2, *STATE, requires_grad=True), pictures(2).requires_grad_()
    (autoencoder.decode(z).sum() + autoencoder.encode(x).square().sum()).backward()
    assert float(z.grad.abs().sum()) > 0 and float(x.grad.abs().sum()) > 0
    assert all(p.grad is None for p in autoencoder.network.parameters())


def test_before_any_step_patches_are_patch_pca():
    fresh = NetworkAutoencoder(trainer("patches").network, "patches", SHAPE, 1.0)
    pca = PatchPCA.fit(pictures(), 4, 4)
    x = pictures()
    torch.testing.assert_close(fresh.encode(x), pca.encode(x), rtol=0, atol=1e-5)
    torch.testing.assert_close(fresh.decode(fresh.encode(x)), pca.decode(pca.encode(x)), rtol=0, atol=1e-5)
    assert alike(x, STATE) is not None and alike(x, (4, 3, 3)) is None
    error = (pca.decode(pca.encode(x)).clamp(-1, 1) - x).square().flatten(1).mean(1)
    wanted = sum(10 * math.log10(4 / float(e)) for e in error) / len(x)
    assert examine(fresh, x).psnr == pytest.approx(wanted, abs=1e-3) and examine(fresh, x).lpips is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_restored_trainer_goes_on_to_the_same_bits(family):
    whole, halted = trainer(family), trainer(family)
    for _ in range(2):
        whole.advance()
        halted.advance()
    state = {k: v.clone() for k, v in halted.state().items()}
    resumed = trainer(family)
    torch.randn(100)  # nothing depends on the global generator
    resumed.restore(state)
    assert [whole.advance() for _ in range(2)] == [resumed.advance() for _ in range(2)]
    assert all(torch.equal(p, resumed.average[n]) for n, p in whole.average.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_training_brings_images_nearer(family):
    t = trainer(family, steps=60, learning_rate=0.004, average=0.9, augment="none")
    before = examine(NetworkAutoencoder(t.averaged(), family, SHAPE, 1.0), pictures()).psnr
    for _ in range(60):
        t.advance()
    after = examine(NetworkAutoencoder(t.averaged(), family, SHAPE, 1.0), pictures()).psnr
    assert after > before + 1.5, (before, after)


def test_points_behind_a_network_have_exact_probabilities(tmp_path):
    """Of a prior of the images' states at bandwidth 0, by Bayes' rule written out; a width leaves no closed form."""
    images = pictures().double()
    path = stored(tmp_path / "a", made("kl", scale=0.7), "kl")
    about = {"kind": "network", "name": "a", "quantise_in_guidance": True}
    labels = [{"split": "prior", "attributes": []}] * len(images)
    settings = {"name": "points", "kind": "kernel", "bandwidth": 0, "autoencoder": about}
    prior = priors.build(settings, images, labels, {}, SHAPE, autoencoder=path)
    assert isinstance(prior.prior, Atoms) and prior.latent and prior.state_shape == STATE
    keep = torch.ones(1, 1, 16, 16).double()
    keep[..., 3:] = 0
    operator, sigma = Inpainting(keep, SHAPE), 3.0
    y = operator(images[:2])
    decoded = load(path).decode(load(path).encode(images))
    squares = torch.stack([((y[i] - operator(decoded)) * keep).square().flatten(1).sum(1) for i in range(2)])
    found = prior.posterior(operator, y, sigma).mode_probabilities
    torch.testing.assert_close(found, (-squares / 2 / sigma**2).softmax(1), rtol=0, atol=1e-6)
    assert float(found.max()) < 0.99, "a measurement that leaves a choice"
    wide = priors.build(settings | {"bandwidth": 0.1}, images, labels, {}, SHAPE, autoencoder=path)
    with pytest.raises(NoClosedForm, match="the decoder of a NetworkAutoencoder is not affine"):
        wide.posterior(operator, y, sigma)


def test_what_does_not_fit_is_told_in_one_line(tmp_path):
    images = pictures().double()
    labels = [{"split": "prior", "attributes": []}] * len(images)
    about = {"kind": "network", "name": "mine"}
    settings = {"name": "p", "kind": "kernel", "autoencoder": about}
    with pytest.raises(PosterityError, match="autoencoder 'mine' is a network: name the file of its weights"):
        priors.build(settings, images, labels, {}, SHAPE)
    path = stored(tmp_path / "a", made("kl"), "kl")
    small = images[..., :8, :8]
    told = r"is an autoencoder of images of shape \(3, 16, 16\), these have shape \(3, 8, 8\)"
    with pytest.raises(PosterityError, match=told):
        priors.build(settings, small, labels, {}, (3, 8, 8), autoencoder=path)
    with pytest.raises(PosterityError, match="a network knows states of an autoencoder of kind 'network' alone"):
        _latent_network(tmp_path, (4, 4, 4), {"kind": "patch_pca", "patch": 4, "components": 4}, None)
    told = r"the prior is of states of shape \(2, 4, 4\), the autoencoder makes \(4, 4, 4\)"
    with pytest.raises(PosterityError, match=told):
        _latent_network(tmp_path, (2, 4, 4), about, path)
    prior = _latent_network(tmp_path, (4, 4, 4), about, path)
    assert prior.latent and prior.state_shape == STATE and prior.signal_shape == SHAPE


def _latent_network(folder, states, autoencoder, path):
    """A prior of states that is a network with fresh weights."""
    import hashlib

    from posterity.priors.networks import build
    from posterity.priors.training import Training as PriorTraining

    torch.manual_seed(0)
    how = PriorTraining(channels=(8,), layers=1, attention=())
    architecture = how.architecture(states[0], states[1])
    weights = folder / "prior.safetensors"
    (folder / "p").mkdir(exist_ok=True)
    weights = folder / "p" / "weights.safetensors"
    save_file({k: v.contiguous() for k, v in build("unet2d", architecture).state_dict().items()}, weights)
    card = {"architecture": architecture, "signal_shape": list(states), "prediction": "epsilon", "schedule": "linear",
            "weights": {"sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}}  # fmt: skip
    weights.with_name("card.json").write_text(json.dumps(card))
    settings = {"name": "p", "kind": "network", "autoencoder": autoencoder}
    return priors.build(settings, torch.zeros(0, *SHAPE), [], {}, SHAPE, weights, autoencoder=path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"family": "gan"}, "family 'gan' is none of kl, patches, vq"),
        ({"family": "vq"}, "is of another architecture|no VQModel has this architecture"),
        ({"scale": 0.0}, "scale 0.0 is not a positive number"),
        ({"scale": "1"}, "is no card of an autoencoder: scale missing or of another type"),
        ({"signal_shape": [3, 16, "16"]}, "expected whole numbers"),
        ({"state_shape": [4, 2, 2]}, r"tells of states of shape \(4, 2, 2\), the network makes \(4, 4, 4\)"),
        ({"weights": {"sha256": "0"}}, "is not the file that its card.json describes"),
        ({"architecture": {"block_out_channels": [8, 8]}}, "no AutoencoderKL has this architecture"),
    ],
)
def test_a_card_that_says_something_else_is_refused(tmp_path, change, told):
    path = stored(tmp_path / "a", made("kl"), "kl", **change)
    with pytest.raises(PosterityError, match=told):
        load(path)


def test_files_that_are_not_there_or_not_whole_are_refused(tmp_path):
    path = stored(tmp_path / "a", made("patches"), "patches")
    torch.testing.assert_close(load(path).encode(pictures()), made("patches").encode(pictures()))
    (tmp_path / "a" / "card.json").unlink()
    with pytest.raises(PosterityError, match=r"card\.json, which must say what weights.safetensors is, "):
        load(path)
    with pytest.raises(PosterityError, match="does not exist; `posterity train-autoencoder --help` tells"):
        load(tmp_path / "b" / "weights.safetensors")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"family": "patches", "patch": 5}, "patches of 5 × 5 do not tile signals of shape"),
        ({"family": "patches", "components": 49}, "components = 49: patches have 48 numbers; choose 1 to 48"),
        ({"family": "kl", "channels": (8,) * 6}, r"signals of shape \(3, 16, 16\) cannot be halved 5 times"),
    ],
)
def test_settings_that_the_images_cannot_have_are_refused(given, told):
    with pytest.raises(PosterityError, match=told):
        trainer(**given)
