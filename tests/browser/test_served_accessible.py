"""The pages that a served study shows, one after another: by keyboard alone, and against axe-core's rules."""

import time

import pytest
from participants import Participant
from rules import serious

from posterity.study.served.book import Book

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = pytest.mark.slow
TAB, ENTER = "\ue004", "\ue007"
"""As WebDriver calls these keys."""


class Keys(Participant):
    """A participant without a mouse; every kind of page is looked at once, and what is wrong with it kept."""

    def __init__(self, browser, folder, axe):
        super().__init__(browser, folder)
        self.axe, self.wrong = axe, {}

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def look(self, page):
        if page not in self.wrong:
            self.wrong[page] = serious(self.browser, self.axe)

    def focused(self, css):
        return self.browser.execute_script("return document.activeElement.matches(arguments[0])", css)

    def begin(self, url, name=""):
        self.browser.get(url)
        self.one("#participant")
        self.look("consent")
        for css in (".consent", "#consent", "#participant"):
            self.press(TAB)
            assert self.focused(css), "what one agrees to comes before what one types"
            self.press(" " if css == "#consent" else name if css == "#participant" else "")
        self.press(ENTER)

    def answer(self, choose):  # noqa: ARG002 - the first answer everywhere
        """Press what the page's hint says, and Enter on the button that has the focus, until the end."""
        for _ in range(80):
            self.one(".card button, [data-question], #code")
            if self.all("#code"):
                return
            questions = [] if self.all(".feedback") else self.all("[data-question]")
            self.browser.execute_script("window.before = document.getElementById('stage').innerHTML")
            if questions:
                study = questions[0].get_attribute("class").split()[-1]
                self.look(study)
                self.press("y" if study == "coverage" else "1")
            else:
                self.look("feedback" if self.all(".feedback") else "instructions")
                assert self.focused("button"), "the button to go on has the focus"
                self.press(ENTER)
            self.wait_for("document.getElementById('stage').innerHTML !== window.before")

    def wait_for(self, condition, wait=30.0):
        until = time.monotonic() + wait
        while not self.browser.execute_script(f"return {condition}"):
            assert time.monotonic() < until, f"not within {wait} s: {condition}"
            time.sleep(0.02)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_by_keyboard_alone_and_without_a_serious_finding(browser, axe, server, colours):
    where = {"features": [{"name": "prefers-color-scheme", "value": colours}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", where)
    one = Keys(browser, server.folder, axe)
    one.begin(server.url, "P1")
    one.answer(None)
    one.one("#complete")
    one.look("end")
    assert one.focused("#complete")
    pages = {"consent", "instructions", "feedback", "paired_diversity", "coverage", "paired_quality", "end"}
    assert one.wrong == {page: {} for page in pages}
    book = Book(server.folder / "answers.sqlite")
    assert book.find("p1").finished
    book.close()
