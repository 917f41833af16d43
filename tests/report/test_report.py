"""The page: all there, self-contained, escaped."""

import re
from html.parser import HTMLParser

import pytest

from posterity.report.grids import letter
from posterity.stages import analyse, figure, report, table


@pytest.fixture(scope="module")
def page(experiment, everything, tmp_path_factory):
    """(HTML, its elements as (tag, attributes))."""
    root = tmp_path_factory.mktemp("report")
    made = [
        root / "tables" / "e" / f"{n}.parquet"
        for n in ("answers", "super_resolution", "exact_posterior", "cost", "guidance")
    ]
    for path in made:
        table.run({"experiment": "e", "table": path.stem, "task": "sr16"}, inputs=everything, output=path)
    for name in ("answers", "error_cost", "plane_rules", "guidance_gallery", "subsets_gallery", "study_subsets"):
        path = root / "figures" / "e" / f"{name}.svg"
        figure.run({"experiment": "e", "figure": name, "items": 1}, inputs=everything, output=path)
        made += [path, path.with_suffix(".png")]
    analysis = root / "study" / "e" / "analysis.parquet"
    given = {"questions": experiment["questions"][0], "responses": experiment["responses"]}
    analyse.run({"seed": 0, "replicates": 500}, **given, output=analysis)
    licence = root / "faces" / "LICENSE.txt"
    licence.parent.mkdir()
    licence.write_text("Made of <faces>, CC BY-SA 4.0.\n\nThe long text.")
    inputs = [*made, analysis, licence, *experiment["metrics"], *experiment["questions"]]
    out = root / "report" / "index.html"
    settings = {"title": "Faces & <b>photos</b>", "experiments": ["e"], "about": {"e": {"title": "Which <faces> fit?"}}}
    report.run(settings, inputs=inputs, output=out)
    return out.read_text(), _elements(out.read_text())


def _elements(html):
    found = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Parser().feed(html)
    return found


def test_nothing_is_requested(page):
    html, elements = page
    sources = [v for _, a in elements for k, v in a.items() if k in ("src", "srcset", "data", "action", "poster")]
    assert sources and all(v.startswith("data:image/") for v in sources)
    links = [a["href"] for tag, a in elements if tag in ("a", "link")]
    assert all(v.startswith(("#", "data:")) or v == "../study/e/index.html" for v in links)
    assert not any(tag in ("script", "iframe", "object") for tag, _ in elements)
    assert not re.search(r"@import|url\(", html)


def test_links_within_the_page_have_ends(page):
    _, elements = page
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in elements if tag == "a" and a["href"].startswith("#")} <= set(ids)


def test_every_section_is_there(page):
    html, elements = page
    for words in ("What was run", "Galleries", "Distance to the exact posterior", "Cost", "User study", "Licences"):
        assert f">{words}" in html
    images = [a for tag, a in elements if tag == "img"]
    assert len(images) == 6 and all(a["alt"] for a in images), "SVG and PNG of one figure are one figure"
    assert all(a["src"].startswith("data:image/svg+xml;base64,") for a in images)
    assert "published 0.18" in html and "0.100 to 0.120" in html
    assert "simulated respondent" in html and "paired_diversity" in html.lower().replace(" ", "_")


def test_it_begins_with_the_answers_and_what_was_found(page):
    """In this order, before what was run; each sentence has its interval and its floor, the worst sampler first."""
    html, _ = page
    places = [html.index(f'id="{name}"') for name in ("e-answers", "e-error_cost", "e-findings", "run", "e-gallery")]
    assert places == sorted(places)
    sentences = [re.sub(r"<.*?>", "", s) for s in re.findall(r"<li>(<b>.*?)</li>", html)]
    assert sentences[0].startswith("Answers that fit: 1.84 at ") and sentences[0].endswith("Means over 3 items.")
    words = "DDNM + guidance: 25 % of the draws show an answer that the measurement rules out"
    assert sentences[1].startswith(f"{words} (25 % to 25 %; exact draws 0 %)")
    (dps,) = (s for s in sentences if s.startswith("DPS: "))
    assert "distance from exact draws 0.016 (0.015 to 0.017; floor 0.0060)" in dps


def test_figures_stand_in_the_order_of_their_list(page):
    """Not in that of their names: subsets come before guidance."""
    assert page[0].index('id="e-subsets_gallery"') < page[0].index('id="e-guidance_gallery"')


def test_words_are_escaped(page):
    html, _ = page
    assert (
        "<title>Faces &amp; &lt;b&gt;photos&lt;/b&gt;</title>" in html and "<h1>Which &lt;faces&gt; fit?</h1>" in html
    )
    assert "Made of &lt;faces&gt;" in html


def test_light_and_dark(page):
    html, _ = page
    assert "prefers-color-scheme: dark" in html and 'content="light dark"' in html


def test_rows_that_share_a_name_share_a_cell(page):
    _, elements = page
    assert any(a.get("rowspan") == "9" for tag, a in elements if tag == "th"), "nine samplers of one task"


def test_marks():
    assert [letter(i) for i in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]
