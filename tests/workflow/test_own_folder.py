"""A folder of the user's own pictures, from `posterity new experiment` to the report on it."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from tiny import ROOT, SNAKEFILE, carried_out, posterity

from posterity.artifacts import signals
from posterity.operators.build import build

pytestmark = pytest.mark.slow

COUNT, SIZE = 12, 16
CONFIGS = [Path("config/config.yaml"), Path("config/experiments/mine.yaml")]
KEY = "mine/sr16_noisy/kernel_unseen"


def shown_as_faces(experiments):
    """Ask the new experiment for the tables and figures of the experiment "faces", too, with their options."""
    mine, faces = (yaml.safe_load((experiments / f"{name}.yaml").read_text()) for name in ("mine", "faces"))
    (run,) = mine["runs"]
    run["subsets"] = faces["runs"][1]["subsets"]
    for options in faces["figures"].values():
        options |= {"task": run["tasks"][0]} if "task" in options else {}
        if isinstance(options.get("sampler"), list):
            options["sampler"] = [name for name in options["sampler"] if name in run["samplers"]]
    mine["figures"] = {name: {} for name in mine["figures"]} | faces["figures"]
    mine["tables"] = [*dict.fromkeys([*mine["tables"], *faces["tables"]])]
    (experiments / "mine.yaml").write_text(yaml.safe_dump(mine))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which the report on twelve plain pictures of similar colours was made."""
    root = tmp_path_factory.mktemp("own")
    for name in ("config", "resources"):
        shutil.copytree(ROOT / name, root / name)
    (root / "pictures").mkdir()
    dice = np.random.default_rng(0)
    for number in range(COUNT):
        levels = dice.integers(90, 110, (2, 2, 3), dtype=np.uint8)
        Image.fromarray(levels).resize((24, 16), Image.Resampling.BILINEAR).save(root / "pictures" / f"p{number}.png")
    begun = posterity(root, "new", "experiment", "mine", "--folder", "pictures", "--size", SIZE)
    assert begun.exit_code == 0, begun.output
    shown_as_faces(root / "config" / "experiments")
    few = {name: {"settings": {"steps": 10}} for name in ("ddnm", "dps")}
    (root / "config" / "config.yaml").write_text(yaml.safe_dump({"experiments": ["mine"], "samplers": few}))
    made = {stage for stage, _ in carried_out(root, ["all"], CONFIGS)}
    assert made >= {"prepare", "degrade", "posterior", "sample", "select", "measure", "figure", "explorer", "report"}
    return root


def frame(folder, name):
    return pd.read_parquet(folder / "results" / name)


def by_hand(folder, items):
    """Bayes' rule for the restored picture, with the operator as a matrix: {number of a known picture: probability}."""
    (measured,) = frame(folder, "measurements/mine/sr16_noisy.parquet").to_dict("records")
    unit = torch.eye(3 * SIZE**2, dtype=torch.float64).reshape(-1, 3, SIZE, SIZE)
    matrix = build({"operator": "sr", "factor": 16}, (3, SIZE, SIZE), {})(unit).flatten(1).T
    x = torch.stack([signals.decode(one) for one in items["signal"]]).double()
    x, y = torch.cat([x, x.flip(-1)]).flatten(1), torch.from_numpy(np.array(measured["y"]).astype(float)).flatten()
    noise = measured["sigma_y"] ** 2 * torch.eye(3) + 0.05**2 * matrix @ matrix.T
    known = torch.tensor([*(items["split"] == "prior")] * 2)
    fit = torch.distributions.MultivariateNormal(x @ matrix.T, noise.to(x)).log_prob(y)
    return torch.where(known, fit, -torch.inf).softmax(0)


def test_the_answers_are_pictures_that_are_not_restored_with_their_exact_probabilities(folder):
    items = pd.read_parquet(folder / "data/datasets/mine/items.parquet")
    (restored,) = items.index[items["split"] == "test"]
    expected = by_hand(folder, items)
    told = frame(folder, f"posterior/{KEY}.parquet").set_index("mode")["probability"]
    assert len(told) == 2 * (COUNT - 1) and not {restored, restored + COUNT} & {*told.index}
    np.testing.assert_allclose(told, expected[told.index.tolist()], rtol=1e-6)
    drawn = pd.read_csv(folder / "results/figures/mine/answers.csv")
    assert {*drawn["sampler"]} >= {"exact", "ddnm", "dps"}
    exact = drawn[drawn["sampler"] == "exact"]
    assert exact["mode"].nunique() >= 5, "five different answers are on the first screen"
    np.testing.assert_allclose(exact["probability"], expected[exact["mode"].tolist()], rtol=1e-6)


def test_the_report_opens_with_the_answers_and_leads_to_the_explorer(folder):
    text = (folder / "results/report/index.html").read_text()
    headings = re.findall(r"<h[123][^>]*>([^<]*)", text)
    assert headings[:2] == ["mine: few pixels, what can it be?", "Answers that fit, and what samplers drew"]
    probabilities = frame(folder, f"posterior/{KEY}.parquet")["probability"]
    effective = np.exp(-(probabilities * np.log(probabilities)).sum())
    assert f"{effective:.1f} at sr16_noisy. Of one item." in text
    assert "They belong to their owner" in text and "../explorer/mine.html" in text
    page = (folder / "results/explorer/mine.html").read_text()
    (content,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    held = json.loads(content)
    (item,) = held["items"]
    assert len(held["logWeights"]) == 2 * (COUNT - 1) and item["name"] not in held["names"]


def test_every_figure_is_drawn_again_from_the_archive_alone(folder, tmp_path):
    given = [word for path in CONFIGS for word in ("--configfile", path)]
    done = posterity(folder, "export", "mine", *given, "--snakefile", SNAKEFILE, "--output", tmp_path / "mine.zip")
    assert done.exit_code == 0, done.output
    done = posterity(tmp_path, "redraw", "mine.zip", "--output", "redrawn")
    figures = yaml.safe_load((ROOT / "config/experiments/faces.yaml").read_text())["figures"]
    drawn = sorted(path.stem for path in (tmp_path / "redrawn").rglob("*.svg"))
    assert drawn == sorted({*figures, "teaser"}) and not (tmp_path / "data").exists()
    assert done.stdout.endswith("tables and figures in redrawn, 12 the same as in the archive\n"), done.output
    answers = "results/figures/mine/answers.csv"
    assert (tmp_path / "redrawn" / answers).read_bytes() == (folder / answers).read_bytes(), "with the probabilities"
