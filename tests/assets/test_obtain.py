"""Fetching: verified, resumed, whole or not at all."""

import contextlib
import hashlib
import io
import re
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from posterity.assets import Asset, parse, urls
from posterity.assets.obtain import obtain
from posterity.assets.progress import progress
from posterity.errors import PosterityError
from posterity.stages import fetch

CONTENT = bytes(i * i % 251 for i in range(300_000))
BY_HAND = {
    "version": "1", "file": "thing.bin", "license": "MIT", "attribution": "someone", "by_hand": "https://example.org/page",
}  # fmt: skip


def asset(*sources, content=CONTENT, **more):
    digest = hashlib.sha256(content).hexdigest()
    known = {"name": "thing", "version": "1", "file": "thing.bin", "license": "MIT", "attribution": "someone"}
    return Asset(**known, sources=sources, sha256=digest, size=len(content), **more)


class Server:
    """Serves CONTENT; ``breaks`` bounds the bytes of each answer, ``ranges`` says whether Range is honoured."""

    def __init__(self):
        self.breaks, self.ranges, self.status, self.asked, self.tokens = [], True, 200, [], []
        self.content, self.sent = CONTENT, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                outer.asked.append(asked)
                outer.tokens.append(self.headers.get("Authorization"))
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/thing.bin")
                    return self.end_headers()
                if outer.status != 200:
                    return self.send_error(outer.status)
                start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and outer.ranges else 0
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(outer.content) - start))
                self.end_headers()
                stop = outer.breaks.pop(0) if outer.breaks else None
                content = outer.content[start:][:stop]  # a connection that closes early
                with contextlib.suppress(OSError):  # or one that the other side closes
                    for k in range(0, len(content), 1 << 16):
                        self.wfile.write(content[k : k + (1 << 16)])
                        outer.sent += 1 << 16
                return None

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/thing.bin"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setattr(urls.time, "sleep", lambda seconds: None)
    yield made
    made.http.shutdown()
    made.http.server_close()


def left(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_a_broken_download_continues(server, tmp_path):
    server.breaks = [100_000, 50_000]
    obtain(asset(server.url), tmp_path / "a" / "thing.bin")
    assert (tmp_path / "a" / "thing.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert left(tmp_path) == [".thing.bin.sha256", "thing.bin"]


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.breaks, server.ranges = [100_000], False
    obtain(asset(server.url), tmp_path / "thing.bin")
    assert (tmp_path / "thing.bin").read_bytes() == CONTENT


def test_the_next_run_continues(server, tmp_path):
    server.breaks = [200_000, 0, 0, 0, 0]
    with pytest.raises(PosterityError, match="after 200000 of 300000 bytes"):
        obtain(asset(server.url), tmp_path / "thing.bin")
    assert not (tmp_path / "thing.bin").exists()
    obtain(asset(server.url), tmp_path / "thing.bin")
    assert server.asked[-1] == "bytes=200000-" and (tmp_path / "thing.bin").read_bytes() == CONTENT
    assert left(tmp_path) == [".thing.bin.sha256", "thing.bin"]


def test_a_beginning_from_elsewhere_is_dropped(server, tmp_path):
    wanted = asset(server.url)
    (tmp_path / f".thing-{wanted.sha256[:12]}.part").write_bytes(b"x" * 1000)
    obtain(wanted, tmp_path / "thing.bin")
    assert (tmp_path / "thing.bin").read_bytes() == CONTENT and server.asked == ["bytes=1000-", None]


def test_a_token_stays_with_the_first_host(server, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(CONTENT[:1000])
    url = server.url.replace("thing.bin", "moved")
    urls.download(url, part, len(CONTENT), lambda done: None, headers={"Authorization": "secret"})
    assert part.read_bytes() == CONTENT
    assert server.tokens == ["secret", None] and server.asked == ["bytes=1000-"] * 2


def test_hub_addresses():
    url, headers = urls.hub("owner/name/folder/file.bin@v1.0")
    assert url.startswith("https://") and url.endswith("/owner/name/resolve/v1.0/folder/file.bin")
    assert any(name.lower() == "user-agent" for name in headers)


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_told(terminal, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stderr", shown)
    with progress("thing", 2_000_000) as told:
        for done in range(0, 2_000_001, 1000):
            told(done)
    if terminal:
        assert "thing" in shown.getvalue() and "2.0/2.0 MB" in shown.getvalue()
    else:
        lines = shown.getvalue().splitlines()
        assert len(lines) == 11 and lines[5] == "thing: 1.0 of 2.0 MB"


@pytest.mark.parametrize("there", [0, 3])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_sends_more_than_is_declared_is_stopped(server, tmp_path, there, ranges):
    server.content, server.ranges = bytes(200 << 20), ranges
    part = tmp_path / "out" / f".thing-{asset(content=b'abcde').sha256[:12]}.part"
    part.parent.mkdir()
    part.write_bytes(b"abcde"[:there])
    seen = []
    with pytest.raises(PosterityError, match="it sends more than the 5 bytes that are declared"):
        urls.download(server.url, part, 5, seen.append)
    assert left(tmp_path) == [] and server.sent < 100 << 20 and all(done <= 5 for done in seen)
    with pytest.raises(PosterityError, match=r"thing\.bin: it sends more than the 5 bytes that are declared"):
        obtain(asset(server.url, content=b"abcde"), tmp_path / "out" / "thing.bin")
    assert left(tmp_path) == []


def test_a_file_of_another_size_is_not_copied(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "other").write_bytes(b"y" * 99)
    with pytest.raises(PosterityError, match="it has 99 bytes, expected 300000"):
        obtain(asset(f"file:{tmp_path / 'in' / 'other'}"), tmp_path / "out" / "thing.bin")
    assert left(tmp_path / "out") == []


def test_wrong_content_leaves_nothing(server, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "other").write_bytes(b"y" * len(CONTENT))
    with pytest.raises(PosterityError, match=f"SHA-256 is [0-9a-f]{{64}} .*expected {asset().sha256}"):
        obtain(asset(f"file:{tmp_path / 'in' / 'other'}"), tmp_path / "out" / "thing.bin")
    assert left(tmp_path / "out") == []


def test_every_refusal_is_told_in_one_line(server, tmp_path):
    server.status = 404
    sources = (server.url, "file:/nowhere/thing", "no-such-package-of-posterity==9")
    with pytest.raises(PosterityError) as error:
        obtain(asset(*sources), tmp_path / "thing.bin")
    told = str(error.value)
    assert "\n" not in told and "asset 'thing'" in told and "HTTP 404" in told and "no such file" in told
    assert all(source in told for source in sources) and "by hand" in told and asset().sha256 in told
    assert server.asked == [None]  # a 404 is not asked for again
    assert left(tmp_path) == []


def test_a_failing_server_is_asked_again_and_then_left(server, tmp_path):
    server.status = 503
    (tmp_path / "copy").write_bytes(CONTENT)
    obtain(asset(server.url, f"file:{tmp_path / 'copy'}"), tmp_path / "out" / "thing.bin")
    assert len(server.asked) == 4 and (tmp_path / "out" / "thing.bin").read_bytes() == CONTENT


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    (tmp_path / "thing.bin").write_bytes(CONTENT)
    obtain(asset(server.url), tmp_path / "thing.bin")
    assert server.asked == []
    (tmp_path / "thing.bin").write_bytes(CONTENT[:-1])
    obtain(asset(server.url), tmp_path / "thing.bin")
    assert len(server.asked) == 1 and (tmp_path / "thing.bin").read_bytes() == CONTENT


def test_a_failed_conversion_leaves_nothing(tmp_path):
    (tmp_path / "copy").write_bytes(CONTENT)
    with pytest.raises(PosterityError, match="the pickle is refused"):
        obtain(asset(f"file:{tmp_path / 'copy'}", convert="vgg16"), tmp_path / "out" / "thing.bin")
    assert left(tmp_path / "out") == []


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of packages that pip is configured to use alone; their code leaves a mark when it is run."""
    folder, mark = tmp_path / "packages", tmp_path / "mark"
    folder.mkdir()
    run = f"open({str(mark)!r}, 'w').close()\n".encode()
    with tarfile.open(folder / "some_thing-1.0.tar.gz", "w:gz") as archive:
        for name, content in {"setup.py": run, "some_thing/data.bin": CONTENT}.items():
            info = tarfile.TarInfo(f"some_thing-1.0/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with zipfile.ZipFile(folder / "other-2.0-py3-none-any.whl", "w") as archive:
        archive.writestr("other/__init__.py", run)
        archive.writestr("other/data.bin", CONTENT)
        archive.writestr("other-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
        archive.writestr("other-2.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("other-2.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    yield {p.name.split("-")[0]: p for p in folder.iterdir()}
    assert not mark.exists()


@pytest.mark.parametrize(("package", "name"), [("some-thing==1.0", "some_thing"), ("other==2.0", "other")])
def test_a_member_of_a_package(index, tmp_path, package, name):
    digest = hashlib.sha256(index[name].read_bytes()).hexdigest()
    obtain(asset(f"{package}#{name}/data.bin", archives={package: digest}), tmp_path / "out" / "thing.bin")
    assert (tmp_path / "out" / "thing.bin").read_bytes() == CONTENT
    with pytest.raises(PosterityError, match=f"{index[name].name} has no member 'x.bin'"):
        obtain(asset(f"{package}#x.bin", archives={package: digest}), tmp_path / "out" / "x")
    assert left(tmp_path / "out") == [".thing.bin.sha256", "thing.bin"]
    small = asset(f"{package}#{name}/data.bin", archives={package: digest}, content=b"abcde")
    with pytest.raises(PosterityError, match="has more than the 5 bytes that are expected"):
        obtain(small, tmp_path / "out" / "small")
    assert "small" not in left(tmp_path / "out")


def test_a_whole_package_through_the_stage(index, tmp_path):
    content = index["other"].read_bytes()
    entry = {
        "name": "thing", "version": "2.0", "file": "other.whl", "sources": ["other==2.0"], "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "license": "MIT", "attribution": "someone",
    }  # fmt: skip
    fetch.run({"asset": entry}, output=tmp_path / "data" / "thing" / "other.whl")
    assert (tmp_path / "data" / "thing" / "other.whl").read_bytes() == content
    with pytest.raises(PosterityError, match="asset is 'thing'"):
        fetch.run({"asset": "thing"}, output=tmp_path / "x")


def test_pip_refuses_another_archive(index, tmp_path):
    with pytest.raises(PosterityError, match=r"other==2.0#other/data.bin: pip says the index has no"):
        obtain(asset("other==2.0#other/data.bin", archives={"other==2.0": "0" * 64}), tmp_path / "thing.bin")
    assert "thing.bin" not in left(tmp_path)


def test_what_people_bring_is_taken_from_where_no_job_deletes_it(tmp_path):
    brought = parse({"thing": BY_HAND})["thing"]
    output = tmp_path / "data" / "assets" / "thing" / "thing.bin"
    place = tmp_path / "data" / "by_hand" / "thing.bin"
    with pytest.raises(PosterityError) as error:
        obtain(brought, output)
    told = "asset 'thing' has to be downloaded by hand: get thing.bin at https://example.org/page and put it at "
    assert str(error.value) == told + str(place) and left(tmp_path) == []
    place.parent.mkdir()
    place.write_bytes(CONTENT)
    obtain(brought, output)
    assert output.read_bytes() == CONTENT and left(output.parent) == ["thing.bin"]
    assert output.is_symlink()  # data sets are large: no second copy
    output.unlink()
    assert place.read_bytes() == CONTENT


def test_what_people_must_agree_to_is_part_of_what_they_are_told(tmp_path):
    brought = parse({"thing": BY_HAND | {"terms": "an account there"}})["thing"]
    with pytest.raises(PosterityError, match=r"get thing.bin at https://example.org/page \(an account there\) and put"):
        obtain(brought, tmp_path / "data" / "assets" / "thing" / "thing.bin")
    with pytest.raises(PosterityError, match="terms is 3, expected a text"):
        parse({"thing": BY_HAND | {"terms": 3}})


def test_what_people_bring_is_verified_where_a_digest_is_known(tmp_path):
    brought = parse({"thing": BY_HAND | {"sha256": "0" * 64, "size": 3}})["thing"]
    place = tmp_path / "data" / "by_hand" / "thing.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    with pytest.raises(PosterityError, match=r"by hand, but the SHA-256 of .*thing.bin is .*, expected 0000"):
        obtain(brought, tmp_path / "data" / "assets" / "thing" / "thing.bin")
    assert left(tmp_path) == ["thing.bin"]
