"""The page: all there, self-contained, escaped."""

import io
import re
from base64 import b64decode
from html.parser import HTMLParser

import pytest
from PIL import Image

from posterity.report.grids import letter
from posterity.report.page import Experiment, Page, render


@pytest.fixture(scope="module")
def page(page):
    """(HTML, its elements as (tag, attributes))."""
    return page.read_text(), _elements(page.read_text())


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
    beside = ("../study/e/index.html", "../figures/e/", "../samples/")
    assert all(v.startswith(("#", "data:")) or v.startswith(beside) for v in links)
    assert not any(tag in ("iframe", "object") for tag, _ in elements)
    assert not any(a.get("src") for tag, a in elements if tag == "script")
    assert not re.search(r"@import|url\((?!#)", html)


def test_every_figure_offers_its_numbers_and_says_what_it_was_drawn_from(page):
    html, _ = page
    figures = re.findall(r"<figure .*?</figure>", html, re.DOTALL)
    assert len(figures) == 6
    for text in figures:
        (encoded,) = re.findall(r'href="data:text/csv;base64,([^"]*)" download', text)
        lines = b64decode(encoded).decode().splitlines()
        assert len(lines) > 1 and re.search(r'href="../figures/e/\w+.svg"', text)
        assert "plane" in text or re.search(r"Drawn from \d+ Parquet file", text)
    (costs,) = (t for t in figures if 'id="e-error_cost"' in t)
    numbers = b64decode(re.findall(r"text/csv;base64,([^\"]*)", costs)[0]).decode()
    assert numbers.startswith("dataset,task,prior,sampler,evaluations,sliced_wasserstein,low,high,items")
    assert "faces,sr16,kernel,dps,500.0,0.016" in numbers
    assert '<a href="../samples/faces-sr16-exact.parquet">' in html


def test_experiments_that_were_not_made_are_named_with_their_commands(page):
    html, _ = page
    assert "Where &lt;to&gt; begin? <code>snakemake late_starts</code>" in html


def test_every_figure_has_a_small_picture_that_leads_to_it(page):
    html, elements = page
    (thumbs,) = re.findall(r'<ul class="thumbs">.*?</ul>', html, re.DOTALL)
    found = re.findall(r'<a href="#([\w-]+)"><img src="data:image/png;base64,([^"]*)" alt=""><span>.+?</span>', thumbs)
    assert [name for name, _ in found] == [a["id"] for tag, a in elements if tag == "figure"]
    for _, encoded in found:
        with Image.open(io.BytesIO(b64decode(encoded))) as small:
            assert small.width <= 320 and small.height <= 200 and max(small.width / 320, small.height / 200) == 1
            assert len(small.convert("L").getcolors()) > 3, "it shows something"


def test_samplers_are_marked_where_they_are_shown(page):
    """In rows, sentences and drawn marks, so that one of them can be highlighted."""
    _, elements = page
    marked = {tag for tag, a in elements if a.get("data-sampler") == "dps"}
    assert marked == {"tr", "li", "g"}
    offered = [a["value"] for tag, a in elements if tag == "option"]
    assert offered[0] == "" and {"dps", "ddnm_guided", "exact_again"} <= set(offered)


def test_the_configuration_is_shown(page):
    assert '<pre tabindex="0">title: Which &lt;faces&gt; fit?</pre>' in page[0]


def test_links_within_the_page_have_ends(page):
    _, elements = page
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in elements if tag == "a" and a["href"].startswith("#")} <= set(ids)


def test_every_section_is_there(page):
    html, elements = page
    for words in ("What was run", "Galleries", "Distance to the exact posterior", "Cost", "User study", "Licences"):
        assert f">{words}" in html
    images = [a for tag, a in elements if tag == "img" and a["alt"]]
    inside = [a for tag, a in elements if tag == "svg"]
    assert len(images) + len(inside) == 6 and len(inside) == 1, "SVG and PNG of one figure are one figure"
    assert all(a["alt"] and a["src"].startswith("data:image/svg+xml;base64,") for a in images)
    assert inside[0]["role"] == "img" and inside[0]["aria-label"].startswith("Error against cost. ")
    assert "published 0.18" in html and "0.100 to 0.120" in html
    assert "simulated respondent" in html and "paired_diversity" in html.lower().replace(" ", "_")


def test_it_begins_with_the_answers_and_what_was_found(page):
    """In this order, before what was run; each sentence has its interval and its floor, the worst sampler first."""
    html, _ = page
    places = [html.index(f'id="{name}"') for name in ("e-answers", "e-error_cost", "e-findings", "run", "e-gallery")]
    assert places == sorted(places)
    sentences = [re.sub(r"<.*?>", "", s) for s in re.findall(r"<li[^>]*>(<b>.*?)</li>", html)]
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


def test_no_heading_stands_over_nothing(page):
    bare = render(Page("t", [], [], [], [Experiment("e")], [], []))
    assert ">Tables</h2>" not in bare and "All figures" not in bare and ">Tables</h2>" in page[0]


def test_marks():
    assert [letter(i) for i in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]
