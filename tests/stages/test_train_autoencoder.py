"""Training an autoencoder as a stage, and a run through it: files, cards, points with exact probabilities."""

import json
from pathlib import Path

import pytest
import sampling_job
import torch
from PIL import Image
from typer.testing import CliRunner

from posterity.artifacts import images, store
from posterity.cli import app
from posterity.errors import Again, PosterityError
from posterity.jobs import interruption
from posterity.priors.autoencoders.network import load
from posterity.stages import degrade, posterior, sample, train, train_autoencoder
from posterity.stages._settings import Train
from posterity.stages._states import States
from posterity.stages._training_data import Data

ROOT = Path(__file__).parents[2]
TRAINING = {"steps": 8, "batch": 2, "warm_up": 2, "width": 8, "encoder_blocks": 0, "decoder_blocks": 1}
SETTINGS = {"autoencoder": "mine", "datasets": {"d": 1}, "split": "prior", "training": TRAINING}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight images of which six are trained on, and noisy measurements of the other two."""
    out = tmp_path_factory.mktemp("autoencoder")
    x = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    rows = [{"dataset": "d", "item": f"{i}", "split": "test" if i > 5 else "prior", "signal": images.encode(one)}
            for i, one in enumerate(x)]  # fmt: skip
    store.write(out / "items.parquet", "items", rows, {})
    store.write(out / "regions.parquet", "regions", [], {})
    task = {"name": "half", "operator": "sr", "factor": 8, "sigma_y": 0.4}
    given = {n: out / f"{n}.parquet" for n in ("items", "regions")}
    how = {"dataset": "d", "task": task, "items": 2, "seed": 0}
    degrade.run(how, **given, output=out / "measurements.parquet")
    return out


def trained(folder, name="whole", **options):
    out = folder / name / "weights.safetensors"
    train_autoencoder.run(SETTINGS, inputs=[folder / "items.parquet"], output=out, **options)
    return out


def test_a_card_tells_what_was_trained_and_how_near_unseen_images_come_back(folder):
    path = trained(folder)
    card = json.loads(path.with_name("card.json").read_text())
    assert card["unseen"]["d"]["images"] == 2 and card["unseen"]["d"]["patch_pca"]["psnr"] > 5
    assert card["state_shape"] == [4, 4, 4] and card["data"][0]["items"] == 6 and card["steps"] == 8
    assert path.with_name("unseen.png").is_file() and path.with_name("log.csv").is_file()
    z = load(path).encode(_known(folder, "prior"))
    assert float(z.std()) == pytest.approx(1, abs=0.01), "states have a standard deviation of 1, but for half precision"
    before = path.stat().st_mtime_ns
    trained(folder)
    assert path.stat().st_mtime_ns == before, "finished weights are left alone"


def _known(folder, split):
    rows = store.read(folder / "items.parquet", "items").to_pylist()
    return torch.stack([images.decode(r["signal"], "an item") for r in rows if r["split"] == split])


def test_where_it_was_stopped_does_not_matter(folder, monkeypatch):
    whole = trained(folder)
    taken = []

    def stop(self, what):
        taken.append(what)
        if len(taken) == 5:
            raise Again

    with monkeypatch.context() as patch:
        patch.setattr(interruption, "between_items", lambda: _Pausing(stop))
        patch.setattr("posterity.stages._training.between_items", lambda: _Pausing(stop))
        with pytest.raises(Again):
            trained(folder, "halted")
    halted = trained(folder, "halted")
    assert halted.read_bytes() == whole.read_bytes()
    assert not list(halted.parent.glob(".*parts"))


class _Pausing:
    """Stands for a request to end that comes at some step."""

    def __init__(self, stop):
        self.stop = stop

    def __enter__(self):
        return lambda what: self.stop(self, what)

    def __exit__(self, *error):
        return False


def test_points_behind_it_are_restored_by_latent_solvers(folder):
    path = trained(folder)
    prior = {"name": "points", "kind": "kernel", "bandwidth": 0,
             "autoencoder": {"kind": "network", "name": "mine", "quantise_in_guidance": True}}  # fmt: skip
    about = {"dataset": "d", "task": "half", "prior": prior}
    files = {n: folder / f"{n}.parquet" for n in sampling_job.INPUTS} | {"autoencoder": path}
    posterior.run(about, **files, output=folder / "posterior.parquet")
    rows = store.read(folder / "posterior.parquet", "posterior").to_pylist()
    total = {item: sum(r["probability"] for r in rows if r["item"] == item) for item in ("6", "7")}
    assert total == pytest.approx({"6": 1, "7": 1}, abs=1e-3)
    for method, own in (("psld", {"steps": 6}), ("exact", {})):
        sampler = {"name": method, "method": method, "settings": own, "wrap": []}
        out = folder / f"{method}.parquet"
        sample.run(about | {"sampler": sampler, "samples": 3, "seed": 0}, **files, output=out)
        found = store.read(out, "samples").to_pylist()
        assert len(found) == 6 and {r["mode"] for r in found} <= set(range(8))
        assert method == "exact" or {(r["forwards"], r["encodes"], r["decodes"]) for r in found} == {(6, 6, 7)}
    with pytest.raises(PosterityError, match="autoencoder 'mine' is a network: name the file of its weights"):
        sample.run(about | {"sampler": sampler, "samples": 1, "seed": 0},
                   **files | {"autoencoder": None}, output=folder / "none.parquet")  # fmt: skip


NETWORK = {"steps": 6, "batch": 4, "channels": [8, 16], "layers": 1, "attention": [2], "head": 8, "groups": 4,
           "prediction": "edm", "sigma_data": 1.0, "warm_up": 2}  # fmt: skip
CODER = {"kind": "network", "name": "mine", "quantise_in_guidance": True}
STATES = {"prior": "net", "datasets": {"d": 1}, "split": "prior", "training": NETWORK, "autoencoder": CODER}


def behind(folder, coder, name="net", **changes):
    out = folder / name / "weights.safetensors"
    train.run(STATES | changes, inputs=[folder / "items.parquet"], output=out, autoencoder=coder)
    return out


def test_a_network_is_trained_on_its_states_and_restores_through_it(folder):
    coder = trained(folder)
    weights = behind(folder, coder)
    card = json.loads(weights.with_name("card.json").read_text())
    assert card["signal_shape"] == [4, 4, 4] and card["training"]["flip"] is True
    digest = json.loads(coder.with_name("card.json").read_text())["weights"]["sha256"]
    assert card["autoencoder"] == {"name": "mine", "sha256": digest}
    assert card["losses"]["held-out items"] > 0
    # eight columns of pairs of 32 pixels, with margins of four
    assert Image.open(weights.with_name("nearest.png")).size == (16 * 36 + 4, 8 * 36 + 4), "decoded, not states"
    prior = {"name": "net", "kind": "network", "autoencoder": CODER}
    files = {n: folder / f"{n}.parquet" for n in sampling_job.INPUTS} | {"weights": weights, "autoencoder": coder}
    sampler = {"name": "dps", "method": "dps", "settings": {"steps": 3}, "wrap": []}
    about = {"dataset": "d", "task": "half", "prior": prior, "sampler": sampler, "samples": 2, "seed": 0}
    sample.run(about, **files, output=folder / "net.parquet")
    found = store.read(folder / "net.parquet", "samples").to_pylist()
    assert {(r["forwards"], r["backwards"], r["decodes"]) for r in found} == {(3, 3, 4)}
    before = weights.stat().st_mtime_ns
    assert behind(folder, coder).stat().st_mtime_ns == before, "finished weights are left alone"
    other = folder / "other" / "weights.safetensors"
    train_autoencoder.run(SETTINGS | {"training": TRAINING | {"seed": 1}}, inputs=[folder / "items.parquet"],
                          output=other)  # fmt: skip
    with pytest.raises(PosterityError, match=rf"is trained on states of an autoencoder with SHA-256 {digest[:9]}"):
        sample.run(about, **files | {"autoencoder": other}, output=folder / "none.parquet")
    assert behind(folder, other).stat().st_mtime_ns > before, "another autoencoder, another training"


def test_its_states_are_those_of_the_images_and_of_their_mirror_images(folder):
    path = trained(folder)
    data = Data(Train.of(STATES), [folder / "items.parquet"])
    states, coder = States.of(data, True, CODER, path), load(path)
    torch.testing.assert_close(states.seen, coder.encode(data.seen))
    torch.testing.assert_close(states.unseen, coder.encode(data.unseen))
    torch.testing.assert_close(states.mirrored, coder.encode(data.seen.flip(-1)))
    assert (states.mirrored - states.seen.flip(-1)).abs().max() > 0.1, "flipped states are of no image"
    assert States.of(data, False, CODER, path).mirrored is None


@pytest.mark.parametrize(
    ("coder", "given", "said"),
    [
        ({"kind": "patch_pca", "name": "mine"}, True, "trained on states of kind 'network', not 'patch_pca'"),
        (CODER, False, r"autoencoder 'mine' is a network: name the file of its weights \(--autoencoder\)"),
    ],
)
def test_states_that_a_network_cannot_be_trained_on(folder, coder, given, said):
    with pytest.raises(PosterityError, match=said):
        behind(folder, trained(folder) if given else None, "none", autoencoder=coder)
    assert not (folder / "none").exists()


def test_the_command_finds_a_prior_of_states_in_a_whole_configuration(folder, monkeypatch):
    """It needs the autoencoder's definition; its file is named on the command line."""
    monkeypatch.chdir(ROOT)
    rows = store.read(folder / "items.parquet", "items").to_pylist()
    given = [folder / f"{name}.parquet" for name in ("openmoji-people", "openmoji-smileys")]
    for path in given:
        store.write(path, "items", [row | {"dataset": path.stem} for row in rows], {})

    def told(config):
        words = ["--config", config, "--name", "openmoji64_latent", "--data", folder, "--inputs", *given]
        done = CliRunner().invoke(app, ["train", *map(str, words)])
        assert done.exit_code == 2, done.output
        return done.output

    assert "autoencoder 'openmoji64' is a network: name the file of its weights" in told("config/config.yaml")
    alone = told("config/priors/openmoji64_latent.yaml")
    assert "prior 'openmoji64_latent' is of an autoencoder's states; train it with --config CONFIG, a whole" in alone


def test_signals_that_are_no_images_and_settings_that_are_none_are_refused(folder):
    with pytest.raises(PosterityError, match="training setting width = 9"):
        train_autoencoder.run(SETTINGS | {"training": {"width": 9}}, inputs=[folder / "items.parquet"],
                              output=folder / "x" / "weights.safetensors")  # fmt: skip
    with pytest.raises(PosterityError, match="patches of 5 × 5 do not tile"):
        train_autoencoder.run(SETTINGS | {"training": {"patch": 5}}, inputs=[folder / "items.parquet"],
                              output=folder / "x" / "weights.safetensors")  # fmt: skip
    assert not (folder / "x").exists()
