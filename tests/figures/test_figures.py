"""Every figure from the made-up experiment, and what the figures must show."""

import io
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from posterity import figures
from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.figures import _plane, _study, gallery, style
from posterity.stages import figure

ELSEWHERE = ("restorations", "priors", "ecg_sheet", "fit_progress", "severity_errors")
"""They need other artifacts and have test files of their own."""


@pytest.mark.parametrize("name", [n for n in figures.names() if n not in ELSEWHERE])
def test_every_name_is_drawn(name, everything, tmp_path):
    out = tmp_path / f"{name}.svg"
    # fewer runs for the figures that look at every pool
    few = {"task": "inpaint_face", "sampler": ["exact", "exact_again", "dps"]} if name in SLOW else {}
    figure.run({"experiment": "e", "figure": name, **few}, inputs=everything, output=out)
    tree = ElementTree.fromstring(out.read_bytes())
    text = {e.tag.rsplit("}")[-1]: e.text for e in tree.iter() if "purl.org/dc" in e.tag}
    assert text["title"] == figures.find(name).TITLE and len(text["description"]) > 20
    assert b"http" not in out.read_bytes().replace(b"http://www.w3.org", b"").replace(b"http://purl.org", b"").replace(
        b"http://creativecommons.org", b""
    ), "a figure asks for nothing"
    with Image.open(out.with_suffix(".png")) as png:
        levels = np.asarray(png.convert("L"))
        assert png.text["Title"] == text["title"]
    assert 0.01 < (levels < 250).mean() < 0.95, "neither blank nor black"


SLOW = ("kurtosis", "exact_distance")


def test_names_are_the_files():
    folder = Path(figures.__file__).parent
    shared = {"choose", "gallery", "numbers", "style"}
    assert {p.stem for p in folder.glob("[a-z]*.py")} - shared == {*figures.names(), *figures.BESIDE}
    assert all(
        figures.find(n).SECTION in ("gallery", "analysis", "exact", "study")
        for n in (*figures.names(), *figures.BESIDE)
    )


def test_toy_rules():
    """FPS shows all modes, Uniformization of everything misses the dominant one, K-means crowds there."""
    points, mode = _plane.mixture()
    assert points.shape == (1000, 2) and set(mode) == set(range(10)) and (mode == 0).mean() > 0.93
    assert set(mode[_plane.choose("fps")]) == set(range(10))
    assert 0 not in mode[_plane.choose("uniformization")]
    assert (mode[_plane.choose("kmeans")] == 0).sum() >= 5
    assert (mode[_plane.choose("random")] == 0).mean() > 0.7
    assert set(mode[_plane.choose("uniformization", keep_fraction=0.9)]) == {0}


@pytest.mark.parametrize("name", ["answers", "error_cost", "guidance_gallery"])
def test_the_same_artifacts_give_the_same_bytes(everything, tmp_path, name):
    """Those that a report begins with, too: Parquet is all that a figure needs to be drawn again."""
    assert {path.suffix for path in everything} == {".parquet"}
    for out in (tmp_path / "a.svg", tmp_path / "b.svg"):
        figure.run({"experiment": "e", "figure": name, "items": 1}, inputs=everything, output=out)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_gallery_keeps_the_pictures_pixels():
    red, blue = (np.full((64, 64, 3), c, np.uint8) for c in ((255, 0, 0), (0, 0, 255)))
    with style.look():
        drawn = style.Drawn(gallery.draw([gallery.Row("row", [[red], [blue, None]])], ["one", "two"]), "words")
        _, png = style.save(drawn, "title")
    levels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    counts = [(levels == c).all(1).sum() for c in ((255, 0, 0), (0, 0, 255))]
    assert counts == [128**2, 128**2]


def test_headings_of_a_gallery_keep_to_their_columns():
    """Long names of runs are broken into lines: none covers another, and the figure has room for them above."""
    picture = np.full((32, 32, 3), 128, np.uint8)
    heads = ["truth", "DPS + Flash (dps_encoder)", "DPS + Flash (dps_encoder_estimate)", "PSLD"]
    with style.look():
        figure = gallery.draw([gallery.Row("blur", [[picture]] * 4)], heads, room=0.1)
        figure.canvas.draw()
    (ax,) = figure.axes
    boxes = [text.get_window_extent() for text in ax.texts[1:]]
    assert len(boxes) == 4 and all(one.x1 <= two.x0 + 1 for one, two in pairwise(boxes))
    assert all(box.y1 <= figure.bbox.height for box in boxes)


def test_what_is_ruled_out_is_marked_by_more_than_a_colour(everything, tmp_path):
    """Of guided DDNM's first five draws two show what the posterior does not have, of DDNM's none."""
    red = {}
    for sampler in ("ddnm", "ddnm_guided"):
        out = tmp_path / f"{sampler}.svg"
        where = {"task": "sr16", "sampler": ["exact", sampler]}
        figure.run({"experiment": "e", "figure": "answers", **where}, inputs=everything, output=out)
        red[sampler] = out.read_text().count("stroke-dasharray: 4.8")
    assert red == {"ddnm": 0, "ddnm_guided": 8}, "four sides each"


def test_discarding_is_shown_of_faces_and_of_other_images(everything, tmp_path):
    captions = []
    for name in ("discard_inpainting", "discard_natural"):
        out = tmp_path / f"{name}.svg"
        figure.run({"experiment": "e", "figure": name}, inputs=everything, output=out)
        captions.append(out.read_text())
    assert "task inpaint_face" in captions[0] and "task inpaint_face" not in captions[1]


def test_simulated_answers_are_labelled(everything, experiment, tmp_path):
    out = tmp_path / "f.svg"
    figure.run({"experiment": "e", "figure": "study_subsets"}, inputs=everything, output=out)
    assert "simulated respondent, not of people" in out.read_text()
    people = tmp_path / "people.parquet"
    rows = store.read(experiment["responses"][0], "responses").to_pylist()
    store.write(
        people, "responses", [r | {"simulated": False, "participant": "p" + r["participant"]} for r in rows], {}
    )
    figure.run({"experiment": "e", "figure": "study_subsets"}, inputs=[*everything, people], output=out)
    assert "simulated respondent" not in out.read_text(), "people's answers go before simulated ones"


@pytest.mark.parametrize(("runs", "columns"), [(["sr4"], 1), (["sr4", "sr8"], 2), (["inpaint_face"] * 4, 2)])
def test_a_legend_stays_within_its_figure(runs, columns):
    with style.look():
        drawn, axes = style.canvas(4.4, 2, columns=2)
        for k, run in enumerate(runs):
            axes[0].plot([0], [0], "o", label=f"{run}, exact posterior of {k}")
        _study.legend(drawn, axes)
        (legend,) = drawn.legends
        drawn.draw_without_rendering()
        assert legend._ncols == columns
        assert legend.get_window_extent().x0 >= 0 and legend.get_window_extent().x1 <= drawn.bbox.x1


def test_runs_of_a_study_are_told_apart():
    assert _study.labels(["a/sr4/kernel/dps", "a/sr8/kernel/dps"]) == ["sr4, DPS", "sr8, DPS"]
    assert _study.labels(["a/sr4/kernel/dps", "b/sr4/kernel/dps_guided"]) == ["sr4, DPS", "sr4, dps_guided"]
    assert _study.labels(["a/sr4/kernel/dps", "b/sr4/kernel/dps"]) == ["a, sr4, DPS", "b, sr4, DPS"]
    assert _study.labels(["a/sr4/k/dps", "a/sr4/l/dps"]) == ["a, sr4, k, DPS", "a, sr4, l, DPS"]
    assert _study.labels(["people"]) == ["people"]


def test_study_figures_from_an_analysis(experiment, tmp_path):
    from posterity.stages import analyse

    table, out = tmp_path / "analysis.parquet", tmp_path / "f.svg"
    given = {"questions": experiment["questions"][0], "responses": experiment["responses"]}
    analyse.run({"seed": 0, "replicates": 500}, **given, output=table)
    figure.run({"experiment": "e", "figure": "diversity_coverage"}, inputs=[table], output=out)
    assert "by construction" in out.read_text()


def test_what_is_missing_is_named_in_one_line(experiment, tmp_path):
    def message(name, inputs, **settings):
        with pytest.raises(PosterityError) as error:
            figure.run({"experiment": "e", "figure": name, **settings}, inputs=inputs, output=tmp_path / "f.svg")
        assert "\n" not in str(error.value) and not (tmp_path / "f.svg").exists()
        return str(error.value)

    samples = experiment["samples"]
    assert "study_subsets needs responses artifacts" in message("study_subsets", samples)
    assert "needs measurements" in message("guidance_gallery", samples)
    assert "with sampler exact" in message("guidance_gallery", samples, sampler="exact")
    assert "needs subsets" in message("subsets_gallery", samples)
    assert "choose one of answers" in message("nope", samples)
    assert "not an artifact" in message("plane_rules", [_stray(tmp_path)])


def _stray(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1]}), folder / "stray.parquet")
    return folder / "stray.parquet"


def test_every_figure_of_the_paper_has_its_place_in_the_list():
    text = (Path(__file__).parents[2] / "resources/papers/README.md").read_text()
    listed = re.findall(r"^\| cohen2024 \| (\d+) \| (\w+) \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in listed] == [*range(1, 19)]
    assert {name for _, name in listed} <= set(figures.names())
