"""Training an autoencoder as a stage, and a run through it: files, cards, points with exact probabilities."""

import json

import pytest
import sampling_job
import torch

from posterity.artifacts import images, store
from posterity.errors import Again, PosterityError
from posterity.jobs import interruption
from posterity.priors.autoencoders.network import load
from posterity.stages import degrade, posterior, sample, train_autoencoder

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


def test_signals_that_are_no_images_and_settings_that_are_none_are_refused(folder):
    with pytest.raises(PosterityError, match="training setting width = 9"):
        train_autoencoder.run(SETTINGS | {"training": {"width": 9}}, inputs=[folder / "items.parquet"],
                              output=folder / "x" / "weights.safetensors")  # fmt: skip
    with pytest.raises(PosterityError, match="patches of 5 × 5 do not tile"):
        train_autoencoder.run(SETTINGS | {"training": {"patch": 5}}, inputs=[folder / "items.parquet"],
                              output=folder / "x" / "weights.safetensors")  # fmt: skip
    assert not (folder / "x").exists()
