"""Downloads over HTTP that resume after an interruption."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

from posterity.errors import PosterityError

__all__ = ["download", "hub"]

_BLOCK = 1 << 18


def hub(source: str) -> tuple[str, dict[str, str]]:
    """Return the URL of ``owner/repo/path@revision`` and the headers that the hub's client would send."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    path, _, revision = source.rpartition("@")
    owner, repo, file = path.split("/", 2)
    return hf_hub_url(f"{owner}/{repo}", file, revision=revision), build_hf_headers()


def download(
    url: str, part: Path, size: int, told: Callable[[int], None], *,
    headers: Mapping[str, str] | None = None, attempts: int = 4, pause: float = 1.0, timeout: float = 60.0,
) -> None:  # fmt: skip
    """Append to ``part`` until it has ``size`` bytes; keep the partial file if the connection breaks.

    If a source sends more than ``size`` bytes, its content is refused and none of it is kept.

    Arguments:
        url: http or https.
        part: the partial file; its bytes are taken as the beginning of the content.
        size: size of the whole content in bytes.
        told: called with the number of bytes so far.
        headers: sent with every request, but not to the target of a redirect.
        attempts: number of consecutive connections without data after which this gives up.
        pause: seconds before the second attempt, doubled for each further one.
        timeout: seconds to wait for an answer.
    """
    fruitless, reason = 0, "it ends early"
    while (done := part.stat().st_size if part.exists() else 0) < size:
        if fruitless == attempts:
            raise PosterityError(f"{reason} after {done} of {size} bytes")
        try:
            _append(url, part, done, size, told, headers or {}, timeout)
            reason = "it ends early"
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 429):  # retrying will not help
                raise PosterityError(f"HTTP {error.code} {error.reason}") from error
            reason = f"HTTP {error.code} {error.reason}"
        except (OSError, HTTPException) as error:  # URLError is an OSError
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        fruitless = 0 if part.exists() and part.stat().st_size > done else fruitless + 1
        if fruitless and fruitless < attempts:
            time.sleep(pause * 2 ** (fruitless - 1))


def _append(
    url: str, part: Path, done: int, size: int, told: Callable[[int], None], headers: Mapping[str, str], wait: float
) -> None:
    request = urllib.request.Request(url)
    for name, value in headers.items():
        request.add_unredirected_header(name, value)  # a token is meant only for the first host
    if done:
        request.add_header("Range", f"bytes={done}-")
    with urllib.request.urlopen(request, timeout=wait) as answer:
        resumed = answer.status == 206
        done = done if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while block := answer.read(_BLOCK):
                done += len(block)
                if done > size:
                    break
                file.write(block)
                told(done)
    if done > size:
        part.unlink()
        raise PosterityError(f"it sends more than the {size} bytes that are declared")
