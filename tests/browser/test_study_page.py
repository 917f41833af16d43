"""The study page is answered in a real browser, and what it saves is analysed."""

import json
import time
from pathlib import Path

import pytest

from posterity.artifacts import store
from posterity.assets import load
from posterity.assets.obtain import obtain
from posterity.errors import PosterityError
from posterity.stages import analyse, study

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = pytest.mark.slow

_KEYS = {"left": ("1", "\ue012", "\ue013"), "right": ("2", "\ue014", "\ue015"), "yes": ("y", "Y"), "no": ("n", "N")}


@pytest.fixture(scope="session", params=["the built-in runner", "jsPsych"])
def assets(request, tmp_path_factory):
    """An empty asset folder, and one that holds jsPsych from the npm registry."""
    root = tmp_path_factory.mktemp("assets")
    if request.param == "jsPsych":
        asset = load(Path(__file__).parents[2] / "resources" / "assets.yaml")["jspsych"]
        try:
            obtain(asset, asset.path(root))
        except PosterityError as error:
            pytest.skip(str(error))
    return root


@pytest.fixture
def folder(settings, tmp_path, inputs, assets):
    study.run(settings, inputs=inputs, output=tmp_path / "study" / "questions.parquet", assets=assets)
    return tmp_path / "study"


class _Person:
    """Reads the page and answers it, by turns with keys and with the mouse."""

    def __init__(self, browser, folder):
        rows = store.read(folder / "questions.parquet", "questions").to_pylist()
        self.browser, self.asked, self.met = browser, {r["question"]: r for r in rows}, []
        browser.get((folder / "index.html").as_uri())

    def find(self, css, wait=5.0):
        from selenium.webdriver.common.by import By

        until = time.monotonic() + wait
        while not (found := self.browser.find_elements(By.CSS_SELECTOR, css)):
            assert time.monotonic() < until, f"{css} does not appear"
            time.sleep(0.02)
        return found

    def press(self, key):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(key).perform()

    def start(self, name):
        (field,) = self.find("#participant")
        field.clear()
        field.send_keys(name)
        self.find("button[type=submit]")[0].click()

    def answer(self, name, value, number):
        """Answers the question that is shown and waits until it is gone."""
        if number % 2:
            self.press(_KEYS[value][number // 2 % len(_KEYS[value])])
        else:
            self.find(f"[data-answer={value}]")[0].click()
        self.met.append(name)

    def go_on(self, choose, stop=None):
        """Walks through screens and questions until the end, or until ``stop`` questions have been answered."""
        done = 0
        while stop is None or done < stop:
            (shown,) = self.find(".card, .question")
            if "end" in shown.get_attribute("class").split():
                return
            name = shown.get_attribute("data-question")
            if name is None or self.find_now(".feedback"):
                self.press("\ue007")  # Enter on the button that has the focus
            else:
                self.answer(name, choose(self.asked[name]), len(self.met))
                done += not self.asked[name]["practice"]
            self.wait_for_change(shown)

    def find_now(self, css):
        from selenium.webdriver.common.by import By

        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def wait_for_change(self, shown):
        from selenium.common.exceptions import StaleElementReferenceException

        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                if not shown.is_displayed() or (self.find_now(".feedback") and shown.get_attribute("data-question")):
                    return
            except StaleElementReferenceException:
                return
            time.sleep(0.01)
        raise AssertionError("the page did not go on")


def _saved(tmp_path, name="*.json"):
    until = time.monotonic() + 10
    while not (files := list((tmp_path / "downloads").glob(name))):
        assert time.monotonic() < until, "no file was saved"
        time.sleep(0.05)
    return files


def _approach(question):
    if question["practice"]:
        return question["approach"]
    if question["study"] == "coverage":
        return "yes"
    return "left" if question["left"] == question["approach"] else "right"


def _scores(folder, responses):
    settings, output = {"seed": 0, "replicates": 1000}, folder / "table.parquet"
    analyse.run(settings, questions=folder / "questions.parquet", responses=responses, output=output)
    return {r["table"]: r for r in store.read(output, "tables").to_pylist()}


def test_all_questions_answered_for_the_approach(browser, folder, tmp_path):
    person = _Person(browser, folder)
    person.start("P 7/a")
    person.go_on(_approach)
    (path,) = _saved(tmp_path)
    assert path.name == "answers-faces-P_7_a.json"
    saved = json.loads(path.read_text())
    assert saved["participant"] == "P 7/a" and len(saved["responses"]) == 6 + 12
    assert [r["question"] for r in saved["responses"]] == person.met
    assert all(0 <= r["milliseconds"] < 10_000 for r in saved["responses"])
    scores = _scores(folder, [path])
    assert {t: (r["value"], r["low"], r["count"]) for t, r in scores.items()} == {
        "paired_diversity": (100, 100, 4), "coverage": (100, 100, 4), "paired_quality": (100, 100, 4),
    }  # fmt: skip
    severe = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert severe == []


def test_a_reload_loses_nothing_and_the_reference_scores_nothing(browser, folder, tmp_path):
    other = {"left": "right", "right": "left", "yes": "no"}
    person = _Person(browser, folder)
    person.start("P1")
    person.go_on(lambda q: q["approach"] if q["practice"] else other[_approach(q)], stop=5)
    before = list(person.met)
    browser.refresh()
    assert person.find("#participant")[0].get_attribute("value") == "P1"
    person.find("button[type=submit]")[0].click()
    person.go_on(lambda q: q["approach"] if q["practice"] else other[_approach(q)])
    (path,) = _saved(tmp_path)
    saved = json.loads(path.read_text())
    assert len(saved["responses"]) == 18 == len(set(person.met)) == len(person.met)
    assert [r["question"] for r in saved["responses"]][: len(before)] == before
    assert {r["value"] for r in _scores(folder, [path]).values()} == {0}


def test_participants_who_share_a_browser_keep_their_answers(browser, folder, tmp_path):
    person = _Person(browser, folder)
    person.start("P1")
    person.go_on(_approach, stop=3)
    for name in ("P2", "P1"):
        person = _Person(browser, folder)
        person.start(name)
        person.go_on(_approach)
    assert len(person.met) < 18
    paths = [_saved(tmp_path, f"answers-faces-P{n}.json")[0] for n in (1, 2)]
    assert {r["count"] for r in _scores(folder, paths).values()} == {8}
    paths[0].unlink()
    person = _Person(browser, folder)
    person.start("P1")  # has nothing left to answer: straight to the end, where it is saved once more
    person.find(".end")
    assert _saved(tmp_path, paths[0].name)


def test_practice_tells_right_from_wrong(browser, folder):
    person = _Person(browser, folder)
    person.start("P1")
    for expected, choose in (("Correct.", lambda c: c), ("Not quite.", {"left": "right", "right": "left"}.get)):
        while not person.find_now("[data-question]"):
            person.press("\ue007")
        (shown,) = person.find("[data-question]")
        question = person.asked[shown.get_attribute("data-question")]
        assert question["practice"]
        person.answer(question["question"], choose(question["approach"]), 1)
        assert person.find(".feedback strong")[0].text == expected
        assert len(person.find(".correct")) == 1
        person.press("\ue007")
        person.wait_for_change(shown)


def test_participants_get_orders_of_their_own(browser, folder, tmp_path):
    orders = []
    for name in ("P1", "P2", "P1"):
        person = _Person(browser, folder)
        person.start(name)
        person.go_on(_approach, stop=4)
        orders.append([q for q in person.met if not q.startswith("practice")])
        browser.execute_script("localStorage.clear()")
    assert orders[0] == orders[2] != orders[1]


def test_the_pictures_fit_the_window(browser, folder):
    person = _Person(browser, folder)
    person.start("P1")
    person.go_on(_approach, stop=1)
    for width, height in ((1280, 860), (1024, 700), (390, 840)):
        browser.set_window_size(width, height)
        wide = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{wide} pixels too wide at {width}×{height}"
        assert all(i.size["width"] >= 48 for i in person.find("img"))
    # as a phone shows it: five pictures in two rows, both sets on one screen
    phone = {"width": 390, "height": 664, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert browser.execute_script("return document.documentElement.scrollHeight") <= 664
    for row in person.find(".row"):
        shown = [one.rect for one in row.find_elements("css selector", "img")]
        assert [one["y"] for one in shown] == [shown[0]["y"]] * 3 + [shown[3]["y"]] * 2
        assert all(one["width"] >= 70 for one in shown)
