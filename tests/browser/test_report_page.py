"""The report in a real browser: tables sort, filter and hide columns, one sampler is highlighted, figures enlarge."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = pytest.mark.slow

_TESTS = Path(__file__).parents[1]
TABLE = "table[data-name='Distance to the exact posterior']"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    made = runpy.run_path(str(_TESTS / "tables" / "made.py"))["made"]
    report = runpy.run_path(str(_TESTS / "report" / "made_report.py"))["made_report"]
    return report(made(tmp_path_factory.mktemp("experiment")), tmp_path_factory.mktemp("report"))


@pytest.fixture
def page(browser, file):
    browser.get(file.as_uri())
    yield browser
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def rows(page, column):
    """The texts of a column of the shown rows, as people read them."""
    return page.execute_script(
        "return [...document.querySelector(arguments[0]).tBodies[0].rows].filter((r) => !r.hidden)"
        ".map((r) => r.cells[arguments[1]].firstChild.textContent)", TABLE, column,
    )  # fmt: skip


def head(page, name):
    found = page.find_elements("css selector", f"{TABLE} th button.sort")
    return next((k, b) for k, b in enumerate(found) if b.text.strip() == name)


def test_a_table_sorts_by_keys_alone(page):
    from selenium.webdriver.common.keys import Keys

    column, button = head(page, "tv")
    button.send_keys(Keys.ENTER)
    rising = [float(v) for v in rows(page, column)]
    assert rising == sorted(rising) and len(rising) == 9 and rising[0] < rising[-1]
    assert page.find_elements("css selector", f"{TABLE} th")[column].get_attribute("aria-sort") == "ascending"
    button.send_keys(" ")
    assert [float(v) for v in rows(page, column)] == rising[::-1]
    assert len(set(rows(page, 3))) == 9, "a name that rows shared stands in each of them"


def test_a_table_shows_rows_with_words_and_hides_columns(page):
    from selenium.webdriver.common.keys import Keys

    field = page.find_element(
        "css selector", "input[aria-label='Show rows of Distance to the exact posterior with these words']"
    )
    field.send_keys("DPS reach")
    assert rows(page, 3) == ["dps_reach2"]
    field.send_keys(*[Keys.BACKSPACE] * 9)
    assert len(rows(page, 3)) == 9
    details = page.find_element(
        "xpath", "//details[@class='columns'][following::table[1][@data-name='Distance to the exact posterior']]"
    )
    details.find_element("tag name", "summary").send_keys(Keys.ENTER)
    box = next(label for label in details.find_elements("tag name", "label") if label.text.strip() == "tv")
    box.find_element("tag name", "input").send_keys(" ")
    column, _ = next((k, None) for k, b in enumerate(page.find_elements("css selector", f"{TABLE} th")) if b.text == "")
    hidden = page.execute_script(
        "return [...document.querySelector(arguments[0]).rows].every((r) => r.cells[arguments[1]].hidden)",
        TABLE,
        column,
    )
    assert hidden


def test_one_sampler_is_highlighted_in_tables_sentences_and_plots(page):
    from selenium.webdriver.support.select import Select

    def lit():
        return {e.tag_name for e in page.find_elements("css selector", ".lit")}

    choice = Select(page.find_element("id", "highlight"))
    choice.select_by_value("dps")
    assert lit() == {"tr", "li", "g"}
    marks = page.find_elements("css selector", "svg [data-sampler]")
    seen = {m.get_attribute("data-sampler"): m.value_of_css_property("opacity") for m in marks}
    assert seen["dps"] == "1" and seen["ddnm"] == "0.15"
    choice.select_by_value("")
    assert not lit()


def test_a_figure_is_enlarged_and_escape_returns_to_it(page):
    from selenium.webdriver.common.keys import Keys

    button = page.find_element("css selector", "#e-error_cost button")
    button.send_keys(Keys.ENTER)
    dialog = page.find_element("css selector", "dialog[open]")
    assert dialog.find_element("css selector", "svg").size["width"] > 600
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.find_elements("css selector", "dialog") and page.switch_to.active_element == button


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(page, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 860, "deviceScaleFactor": 1, "mobile": False}
    )
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
