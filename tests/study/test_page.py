"""The folder: whole, blind, without the network."""

import json
import re

import pytest

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.stages import study
from posterity.study import page
from posterity.study.practice import practice


@pytest.fixture
def built(tmp_path, inputs, settings):
    output = tmp_path / "study" / "small" / "questions.parquet"
    study.run(settings, inputs=inputs, output=output, assets=tmp_path)
    return output.parent


def _design(text):
    return json.loads(re.search(r'<script id="design"[^>]*>(.*?)</script>', text, re.S).group(1))


def test_the_folder_is_complete(built):
    assert sorted(p.name for p in built.iterdir()) == ["README.txt", "index.html", "questions.parquet", "schema.json"]
    rows = store.read(built / "questions.parquet", "questions").to_pylist()
    assert sum(r["practice"] for r in rows) == 6 and len(rows) == 30
    content = _design((built / "index.html").read_text())
    named = {q["id"] for b in content["blocks"] for q in b["questions"] + b["practice"]}
    assert named == {r["question"] for r in rows}
    assert json.loads((built / "schema.json").read_text())["type"] == "object"
    told = (built / "README.txt").read_text()
    assert "built-in runner" in told and "up to 18 of them" in told and "data/datasets/d/LICENSE.txt" in told


def test_the_page_does_not_tell_which_set_is_which(built):
    text = (built / "index.html").read_text()
    content = _design(text)
    for block in content["blocks"]:
        for question in block["questions"]:
            assert set(question) == {"id", "group", "target", "sets"}
            assert re.fullmatch(r"q[0-9a-f]{12}", question["id"])
    without_pictures = json.dumps(content | {"pictures": []})
    for word in ("fps", "kmeans", "random", "guided", "vanilla", "ddnm", "approach", "sampler"):
        assert word not in without_pictures


def test_the_page_asks_no_network(built):
    text = (built / "index.html").read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert "%" + "ENGINE%" not in text and text.count("</script>") == 3


def test_one_participant_meets_an_item_once_in_a_study(built):
    rows = {r["question"]: r for r in store.read(built / "questions.parquet", "questions").to_pylist()}
    groups = {}
    for block in _design((built / "index.html").read_text())["blocks"]:
        for q in block["questions"]:
            row = rows[q["id"]]
            assert groups.setdefault(q["group"], (row["study"], row["item"])) == (row["study"], row["item"])
    assert len(groups) == 3 * 6


def test_a_failure_leaves_nothing(tmp_path, inputs, settings, monkeypatch):
    monkeypatch.setattr(page, "schema", lambda: "not bytes")
    with pytest.raises(TypeError):
        study.run(settings, inputs=inputs, output=tmp_path / "out" / "questions.parquet")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(PosterityError, match="does not exist"):
        study.run(settings, inputs=[tmp_path / "none"], output=tmp_path / "out" / "questions.parquet")


def test_a_fetched_jspsych_is_used_with_its_licence(tmp_path):
    release = tmp_path / "jspsych" / "index.browser.min.js"
    release.parent.mkdir()
    release.write_text("var initJsPsych;\n//# sourceMappingURL=elsewhere")
    name, program = page.engine(tmp_path)
    assert name == "jsPsych" and "MIT License" in program and program.endswith("var initJsPsych;\n")


@pytest.mark.parametrize("kind", ["paired_diversity", "coverage", "paired_quality"])
def test_practice_shows_what_its_answer_says(kind):
    for tried in practice("x", kind, 5):
        assert tried.row["approach"] == tried.correct
        if kind == "paired_diversity":
            kinds = {"left": len(set(tried.left)), "right": len(set(tried.right))}
            assert max(kinds, key=kinds.get) == tried.correct and len(tried.left) == len(tried.right) == 5
        elif kind == "coverage":
            assert (tried.target in tried.left) == (tried.correct == "yes")
        else:
            sizes = {"left": len(tried.left[0]), "right": len(tried.right[0])}  # specks do not compress
            assert min(sizes, key=sizes.get) == tried.correct
