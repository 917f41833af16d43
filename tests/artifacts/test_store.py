"""A file appears whole or not at all, says where it came from, and a broken one is named in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from posterity.artifacts import store
from posterity.artifacts.schemas import SCHEMAS, VERSION
from posterity.errors import PosterityError

ROWS = [{"dataset": "d", "task": "t", "item": str(i), "prior": "p", "mode": i, "probability": 0.5} for i in range(3)]


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "er" / "posterior.parquet"
    store.write(path, "posterior", ROWS, {"settings": {"seed": 3}})
    return path


def one_line(error: pytest.ExceptionInfo[PosterityError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


class TestNoNumberIsNone:
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), np.float64("nan"), np.float32("inf")])
    def test_it_becomes_null_with_a_reason(self, tmp_path: Path, value: float) -> None:
        rows = [{"item": "a", "metric": "niqe", "value": value}, {"item": "b", "metric": "niqe", "value": 3.0}]
        store.write(tmp_path / "m.parquet", "metrics", rows, {})
        bad, good = store.read(tmp_path / "m.parquet", "metrics").to_pylist()
        assert bad["value"] is None and bad["reason"] == f"N/A: value is {float(value):g}"
        assert good["value"] == 3.0 and good["reason"] is None

    def test_a_table_says_it_in_its_note(self, tmp_path: Path) -> None:
        row = {"row": "a", "column": "b", "value": float("nan"), "low": 1.0, "high": float("inf"), "note": "of few"}
        store.write(tmp_path / "t.parquet", "tables", [row], {})
        found = store.read(tmp_path / "t.parquet", "tables").to_pylist()[0]
        assert (found["value"], found["low"], found["high"]) == (None, 1.0, None)
        assert found["note"] == "of few; N/A: value is nan; high is inf"

    @pytest.mark.parametrize(
        ("kind", "row"),
        [
            ("posterior", {"item": "a", "mode": 3, "probability": float("nan")}),
            ("distances", {"sampler": "dps", "instance": 7, "value": float("inf")}),
            ("samples", {"item": "a", "sample": 2, "residual_rms": float("nan")}),
            ("measurements", {"item": "a", "y": [0.5, float("nan")], "y_shape": [2]}),
            ("measurements", {"item": "a", "y": np.array([np.inf], dtype=np.float32), "y_shape": [1]}),
        ],
    )
    def test_it_is_refused_where_there_is_no_place_for_a_reason(self, tmp_path: Path, kind: str, row: dict) -> None:
        path = tmp_path / "a.parquet"
        with pytest.raises(PosterityError, match="cannot hold a number that is not finite") as refused:
            store.write(path, kind, [row], {})
        assert str(path) in one_line(refused) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["a folder", "a device, a pipe or a socket", "Not a directory"])
def test_what_is_there_and_is_no_file_stays_what_it_is(tmp_path: Path, what: str) -> None:
    places = {name: tmp_path / name for name in ("folder", "pipe", "device")}
    places["folder"].mkdir()
    os.mkfifo(places["pipe"])
    places["device"].symlink_to("/dev/full")  # a name of its own: a test never puts the machine's devices at risk
    chosen = {"a folder": [places["folder"]], "Not a directory": [places["device"] / "a.parquet"]}.get(
        what, [places["pipe"], places["device"]]
    )
    for path in chosen:
        before = sorted(tmp_path.iterdir())
        for write in (lambda p: store.write_bytes(p, b"x"), lambda p: store.write(p, "posterior", ROWS, {})):
            with pytest.raises(PosterityError) as told:
                write(path)
            assert one_line(told).startswith(f"cannot write {path}: ") and what in one_line(told)
        assert sorted(tmp_path.iterdir()) == before and places["device"].readlink() == Path("/dev/full")


class TestWholeOrNotAtAll:
    def test_rows_come_back(self, artifact: Path) -> None:
        table = store.read(artifact, "posterior")
        assert table.schema.remove_metadata() == SCHEMAS["posterior"]
        assert table.column("mode").to_pylist() == [0, 1, 2]
        assert table.column("log_evidence").null_count == 3

    def test_columns_can_be_chosen(self, artifact: Path) -> None:
        assert store.read(artifact, "posterior", columns=["item"]).column_names == ["item"]

    def test_no_other_file_is_left_beside(self, artifact: Path) -> None:
        assert list(artifact.parent.iterdir()) == [artifact]

    def test_an_exception_leaves_the_old_file(self, artifact: Path) -> None:
        before = artifact.read_bytes()
        with pytest.raises(KeyError), store.replacing(artifact) as beside:
            beside.write_bytes(b"half")
            raise KeyError("stopped")
        assert artifact.read_bytes() == before
        assert list(artifact.parent.iterdir()) == [artifact]

    def test_an_exception_leaves_no_new_file(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError), store.replacing(tmp_path / "new") as beside:
            beside.write_bytes(b"half")
            raise RuntimeError("stopped")
        assert list(tmp_path.iterdir()) == []

    def test_a_kill_leaves_the_old_file(self, artifact: Path) -> None:
        before = artifact.read_bytes()
        program = (
            "import os, signal, sys\n"
            "from pathlib import Path\n"
            "from posterity.artifacts.store import replacing\n"
            "with replacing(Path(sys.argv[1])) as beside:\n"
            "    beside.write_bytes(b'half')\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        assert run(program, artifact).returncode == -signal.SIGKILL
        assert artifact.read_bytes() == before

    def test_permissions_are_those_of_an_ordinary_file(self, artifact: Path) -> None:
        assert artifact.stat().st_mode & 0o777 == 0o644


class TestWhatGoesWrong:
    def test_a_write_that_the_system_cuts_short(self, tmp_path: Path) -> None:
        """The limit on file sizes stands in for a full disk: the write fails half-way, for any user."""
        program = (
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from posterity.artifacts import store\n"
            "from posterity.errors import PosterityError\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
            "noise = [{'dataset': str(hash((i, 'x')))} for i in range(50_000)]\n"
            "try:\n"
            "    store.write(Path(sys.argv[1]), 'posterior', noise, {})\n"
            "except PosterityError as error:\n"
            "    print(error)\n"
        )
        done = run(program, tmp_path / "posterior.parquet")
        assert done.stdout.count("\n") == 1, done.stderr
        assert done.stdout.startswith(f"cannot write {tmp_path / 'posterior.parquet'}: ")
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk(self, small_disk: Path) -> None:
        with pytest.raises(PosterityError) as error:
            store.write_bytes(small_disk / "big", b"x" * 2_000_000)
        assert one_line(error) == f"cannot write {small_disk / 'big'}: No space left on device"
        assert list(small_disk.iterdir()) == []

    def test_a_file_where_a_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "results").write_text("not a folder")
        with pytest.raises(PosterityError) as error:
            store.write_bytes(tmp_path / "results" / "x", b"")
        assert one_line(error).startswith(f"cannot write {tmp_path / 'results' / 'x'}: ")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_without_permission(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(PosterityError, match="Permission denied"):
            store.write_bytes(tmp_path / "x", b"")

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
    def test_a_truncated_file(self, artifact: Path, share: float) -> None:
        content = artifact.read_bytes()
        artifact.write_bytes(content[: int(share * len(content))])
        for look in (lambda: store.read(artifact, "posterior"), lambda: store.provenance(artifact)):
            with pytest.raises(PosterityError) as error:
                look()
            assert str(artifact) in one_line(error)
            assert "delete it and run again" in one_line(error)

    def test_a_damaged_page(self, tmp_path: Path) -> None:
        path = tmp_path / "posterior.parquet"
        store.write(path, "posterior", ROWS * 4000, {})
        content = bytearray(path.read_bytes())
        content[4:400] = bytes(396)
        path.write_bytes(content)
        with pytest.raises(PosterityError) as error:
            store.read(path, "posterior")
        assert str(path) in one_line(error)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(PosterityError, match="does not exist"):
            store.read(tmp_path / "nothing.parquet", "posterior")

    def test_another_kind_of_artifact(self, artifact: Path) -> None:
        with pytest.raises(PosterityError) as error:
            store.read(artifact, "metrics")
        assert one_line(error) == f"{artifact} holds posterior version {VERSION}, expected metrics version {VERSION}"

    def test_somebody_elses_parquet(self, tmp_path: Path) -> None:
        path = tmp_path / "theirs.parquet"
        pq.write_table(pa.table({"a": [1]}), path)
        with pytest.raises(PosterityError, match=f"expected posterior version {VERSION}"):
            store.read(path, "posterior")


class TestProvenance:
    def test_tells_settings_code_and_versions(self, artifact: Path) -> None:
        about = store.provenance(artifact)
        assert about["kind"] == "posterior"
        assert about["origin"] == {"settings": {"seed": 3}}
        assert {"posterity", "torch", "pyarrow"} <= set(about["versions"])
        assert "absent" not in about["versions"].values()

    def test_the_same_rows_give_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            store.write(tmp_path / name, "posterior", ROWS, {"b": 1, "a": 2})
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_pandas_reads_it_without_us(self, artifact: Path) -> None:
        import pandas as pd

        frame = pd.read_parquet(artifact)
        assert frame["probability"].sum() == pytest.approx(1.5)
