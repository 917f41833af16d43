"""A study served by this process, and participants who answer it without a browser."""

import json
import threading
import urllib.error
import urllib.request

from posterity.artifacts import store
from posterity.stages import analyse
from posterity.study.served import running
from posterity.study.served.app import application

EVERY = 18
"""Questions of each participant: 6 items in 3 studies, each item once in a study."""


class Web:
    """A server in this process, and requests to it."""

    def __init__(self, desks, **buckets):
        import uvicorn

        self.socket = running.listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(application(desks, **buckets), log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.should_exit = True
        self.thread.join(10)


def post(url, what, told, headers=None, body=None):
    """Returns (status, content)."""
    content = json.dumps(told).encode() if body is None else body
    request = urllib.request.Request(
        f"{url}/small/{what}", content, {"Content-Type": "application/json"} | (headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def who(desk, name, number=0, **changes):
    return {"participant": name, "key": f"{number:032x}", "consent": True, "design": desk.design} | changes


def right(desk, question):
    """An answer that is valid, and right where there is a right one."""
    checks = {check.question: check.correct for check in desk._checks}
    return checks.get(question) or ("yes" if desk._study[question] == "coverage" else "left")


def answers_all(url, desk, name, number, stop=None):
    status, begun = post(url, "begin", who(desk, name, number))
    assert status == 200, begun
    for question in begun["asked"][:stop]:
        told = {"key": f"{number:032x}", "question": question, "answer": right(desk, question), "milliseconds": 900}
        assert post(url, "answer", told) == (200, {"question": question})
    return begun["asked"]


def scores(packaged, path, tmp_path, **settings):
    output = tmp_path / "scores.parquet"
    analyse.run(
        {"seed": 0, "replicates": 200} | settings,
        questions=packaged / "questions.parquet",
        responses=[path],
        output=output,
    )
    return store.read(output, "tables").to_pylist()
