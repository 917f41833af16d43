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
    made = [root / "tables" / "e" / f"{n}.parquet" for n in ("super_resolution", "exact_posterior", "cost", "guidance")]
    for path in made:
        table.run({"experiment": "e", "table": path.stem, "task": "sr16"}, inputs=everything, output=path)
    for name in ("plane_rules", "guidance_gallery", "subsets_gallery", "study_subsets"):
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
    report.run({"title": "Faces & <b>photos</b>", "experiments": ["e"]}, inputs=inputs, output=out)
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
    assert len(images) == 4 and all(a["alt"] for a in images), "SVG and PNG of one figure are one figure"
    assert all(a["src"].startswith("data:image/svg+xml;base64,") for a in images)
    assert "published 0.18" in html and "0.100 to 0.120" in html
    assert "simulated respondent" in html and "paired_diversity" in html.lower().replace(" ", "_")


def test_figures_stand_in_the_order_of_their_list(page):
    """Not in that of their names: subsets come before guidance."""
    assert page[0].index('id="e-subsets_gallery"') < page[0].index('id="e-guidance_gallery"')


def test_words_are_escaped(page):
    html, _ = page
    assert "<h1>Faces &amp; &lt;b&gt;photos&lt;/b&gt;</h1>" in html and "Made of &lt;faces&gt;" in html


def test_light_and_dark(page):
    html, _ = page
    assert "prefers-color-scheme: dark" in html and 'content="light dark"' in html


def test_rows_that_share_a_name_share_a_cell(page):
    _, elements = page
    assert any(a.get("rowspan") == "9" for tag, a in elements if tag == "th"), "nine samplers of one task"


def test_marks():
    assert [letter(i) for i in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]
