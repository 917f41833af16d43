"""The figure of certificates, from rows alone."""

from xml.etree import ElementTree

import pytest

from posterity.artifacts import store
from posterity.figures import cost_error
from posterity.stages import figure
from posterity.tables.frames import Frames

POINTS = {"cheap": (10, 4.0), "middle": (50, 2.0), "beaten": (60, 3.0), "good": (200, 1.1), "same": (200, 1.3)}


def row(sampler, forwards, error, **more):
    return {
        "sampler": sampler, "prior": "mixture", "task": "inpaint", "statistic": "sliced_wasserstein", "part": "",
        "value": 0.02 * error, "floor": 0.02, "forwards": forwards, "backwards": 0, "overall": "approximate",
    } | more  # fmt: skip


@pytest.fixture
def artifact(tmp_path):
    rows = [row(name, *point) for name, point in POINTS.items()]
    rows += [row("exact", 0, 1.0), row("wild", 5, 9.0, overall="diverged"), row("cheap", 9, 9.0, part="median")]
    rows += [row("half", 5, 3.0, task="denoise", backwards=5, prior="kernel")]
    rows += [row("none", 0, 1.0, statistic=None, value=None, overall="n/a")]
    store.write(tmp_path / "certificates.parquet", "certificates", rows, {})
    return tmp_path / "certificates.parquet"


def points(artifact):
    return cost_error._points(Frames([artifact], "test").frame("certificates"))


def test_points_have_a_cost_and_an_error_in_floors(artifact):
    found = points(artifact)
    assert set(found["sampler"]) == {*POINTS, "half"}  # neither exact draws, nor what diverged, nor other parts
    here = found.set_index("sampler")
    assert here.loc["cheap", "error"] == pytest.approx(4.0) and here.loc["half", "cost"] == 10


def test_the_front_is_what_nothing_beats(artifact):
    found = points(artifact)
    front = cost_error._front(found[found["prior"] == "mixture"])
    assert list(front["sampler"]) == ["cheap", "middle", "good"]


def test_names_do_not_cover_one_another(artifact):
    front = cost_error._front(points(artifact).query("prior == 'mixture'"))
    near = front.assign(cost=[10.0, 180.0, 200.0])
    assert set(cost_error._apart(near)["sampler"]) == {"cheap", "good"}  # the nearest of the crowded ones


def test_it_is_redrawn_from_the_artifact_by_its_name(artifact, tmp_path):
    out = tmp_path / "again.svg"
    figure.run({"experiment": "verify", "figure": "cost_error"}, inputs=[artifact], output=out)
    text = {e.tag.rsplit("}")[-1]: e.text for e in ElementTree.fromstring(out.read_bytes()).iter()}
    assert text["title"] == "Error against cost" and "floor" in text["description"]
    assert (tmp_path / "again.png").exists()


def test_nothing_to_draw_is_an_empty_figure(tmp_path):
    store.write(tmp_path / "c.parquet", "certificates", [row("none", 0, 1.0, statistic=None, value=None)], {})
    figure.run({"experiment": "e", "figure": "cost_error"}, inputs=[tmp_path / "c.parquet"], output=tmp_path / "e.svg")
    assert (tmp_path / "e.png").stat().st_size > 1000
