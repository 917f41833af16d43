"""A served study as a process of its own, and participants who answer it in a browser."""

import os
import re
import signal
import subprocess
import sys
import time

from posterity.artifacts import store


class Server:
    """The program itself, on a port that it keeps when it is started again."""

    def __init__(self, folder):
        self.folder, self.port = folder, 0
        self.start()

    def start(self):
        command = [sys.executable, "-m", "posterity", "study", "serve", str(self.folder), "--port", str(self.port)]
        command += ["--assets", str(self.folder), "--completion-url", "https://app.example.org/complete?cc=C0DE"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        found = re.match(r"(http://127\.0\.0\.1:(\d+)/faces/)", self.process.stdout.readline())
        self.url, self.port = found[1], int(found[2])

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


class Participant:
    """Answers with the mouse what a function chooses, and writes down what was chosen for each question."""

    def __init__(self, browser, folder):
        self.browser, self.chose = browser, {}
        rows = store.read(folder / "questions.parquet", "questions").to_pylist()
        self.practice = {row["question"]: row["approach"] for row in rows if row["practice"]}

    def all(self, css):
        from selenium.webdriver.common.by import By

        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def one(self, css, wait=30.0):
        until = time.monotonic() + wait
        while not (found := self.all(css)):
            assert time.monotonic() < until, f"{css} does not appear: {self.all('main')[0].text[:300]}"
            time.sleep(0.05)
        return found[0]

    def begin(self, url, name=""):
        self.browser.get(url)
        field = self.one("#participant")
        if name:
            field.clear()
            field.send_keys(name)
        self.one("#consent").click()
        self.one("button[type=submit]").click()

    def answer(self, choose, most=10**6):
        """Answer until the end, or ``most`` questions."""
        from selenium.common.exceptions import StaleElementReferenceException, WebDriverException

        until, before = time.monotonic() + 240, len(self.chose)
        while len(self.chose) - before < most and time.monotonic() < until:
            try:
                if self.all("#code"):
                    return
                if go := self.all(".feedback button, .card button.primary"):
                    go[0].click()
                    continue
                for shown in self.all("[data-question]"):
                    name = shown.get_attribute("data-question")
                    valid = [b.get_attribute("data-answer") for b in self.all("[data-answer]")]
                    # a practice question counts once its "Continue" was pressed; until then a reload asks it again
                    if (name in self.chose and name not in self.practice) or not valid:
                        continue
                    answer = self.practice.get(name) or choose(name, valid)
                    self.all(f"[data-answer={answer}]")[0].click()
                    self.chose[name] = answer
            except (StaleElementReferenceException, IndexError):
                continue
            except WebDriverException as error:
                if "not clickable" not in str(error) and "stale" not in str(error):
                    raise
            time.sleep(0.02)
