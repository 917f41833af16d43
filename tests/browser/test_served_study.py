"""Two people answer a served study at once in real browsers, while the server is killed and comes back."""

import shutil
import threading

import pytest
from participants import Participant

from posterity.artifacts import store
from posterity.stages import analyse
from posterity.study.served.book import Book
from posterity.study.served.reading import from_book

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = pytest.mark.slow

EVERY = 12
"""Questions of each participant: four items in three studies; beside them two attention checks and six for practice."""


@pytest.fixture
def two(chromium, tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    drivers = []
    for number in (1, 2):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1280,860")
        for flag in (*flags, f"--user-data-dir={tmp_path / f'profile{number}'}"):
            options.add_argument(flag)
        drivers.append(webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"))))
    yield drivers
    for driver in drivers:
        driver.quit()


def test_two_at_once_a_killed_server_and_a_reload_lose_nothing(two, server, tmp_path):
    answers = server.folder / "answers.sqlite"
    book = Book(answers)
    ann, bob = (Participant(driver, server.folder) for driver in two)

    def choose(name, valid):
        """The right one of attention checks, which the file knows and the page does not; else by the name."""
        checks = book.find("ann").checks
        return checks.get(name) or valid[int(name[-1], 16) % 2]

    ann.begin(server.url, "Ann")
    bob.begin(server.url + "?PROLIFIC_PID=5f0c")
    threads = [threading.Thread(target=one.answer, args=(choose, 9)) for one in (ann, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    server.kill()
    ann.answer(choose, 2)  # two answers that nobody hears
    note = ann.one(".note:not([hidden])")
    assert "no connection" in note.text
    assert len(book.answers("ann")) < len(ann.chose)
    server.start()
    bob.begin(server.url + "?PROLIFIC_PID=5f0c")  # Bob closes the page and comes back, Ann waits
    threads = [threading.Thread(target=one.answer, args=(choose,)) for one in (ann, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    for one, name in ((ann, "ann"), (bob, "5f0c")):
        link = one.one("#complete")
        assert link.get_attribute("href") == "https://app.example.org/complete?cc=C0DE"
        kept = {row["question"]: row["answer"] for row in book.answers(name)}
        assert kept == one.chose and len(kept) == EVERY + 2 + 6
        assert one.one("#code").text == book.find(name).code and book.find(name).finished
    book.close()
    rows, aside = from_book(answers)
    assert aside == [] and len(rows) == 2 * (EVERY + 6)
    settings, output = {"seed": 0, "replicates": 200}, tmp_path / "scores.parquet"
    analyse.run(settings, questions=server.folder / "questions.parquet", responses=[answers], output=output)
    assert sum(row["count"] for row in store.read(output, "tables").to_pylist()) == 2 * EVERY


def test_no_consent_no_study_and_a_full_one_says_so(browser, server):
    one = Participant(browser, server.folder)
    browser.get(server.url)
    one.one("#participant").send_keys("P1")
    one.one("button[type=submit]").click()
    assert one.all("#participant") and not one.all("[data-question]")
    book = Book(server.folder / "answers.sqlite")
    assert book.people() == []
    book.close()
    for width in (1280, 390):
        browser.set_window_size(width, 860)
        assert browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]
