"""Fetch a file once: resumed where it broke off, checked, and put in place only when whole."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mole_engine._version import __version__
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.paths import put_in_place, remove
from mole_engine.data.progress import Progress, report

ATTEMPTS = 4
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 30.0
MAX_BYTES = 4 << 30
"""A server that sends more than this is not serving a benchmark set."""

_BLOCK = 1 << 16
_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


def fetch(url: str, path: Path, *, sha256: str = "", on_progress: Progress | None = None) -> Path:
    """Return `path` with the content of `url`, downloading what is missing.

    A checksum that is not known beforehand is recorded beside the file at the first download (`<file>.sha256`) and
    compared ever after: trust on first use.

    Parameters
    ----------
    url
        http or https.
    path
        Where the file lies or will lie; a file put there by hand is taken as it is.
    sha256
        Of the whole file, if known.
    on_progress
        Called with ("download", bytes done, bytes in all or 0); may raise `Cancelled`, what has come is kept.

    Raises
    ------
    InputError
        When the server cannot be reached or does not have the file.
    KnownError
        When the disk is full or the checksum is wrong.
    """
    record = path.with_name(path.name + ".sha256")
    expected = sha256 or _recorded(record)
    if path.is_file():
        digest = _digest(path)
        if not expected or digest == expected:
            _write(record, digest)
            return path
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, path, part, on_progress)
        digest = _digest(part)
        if expected and digest != expected:
            remove(part)
            raise _changed(url, path, record, known=bool(sha256))
        # What was just downloaded is what a virus scanner looks at first.
        put_in_place(part, path)
        _write(record, digest)
    except OSError as error:
        raise KnownError(
            f"{path} cannot be written.", f"{error.strerror or error}.", "Free some space or choose another folder."
        ) from error
    return path


def _download(url: str, path: Path, part: Path, on_progress: Progress | None) -> None:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise KnownError(f"{url} cannot be downloaded.", "Only http and https addresses can.", "Correct the address.")
    for attempt in range(ATTEMPTS):
        try:
            _continue(url, part, on_progress)
        except urllib.error.HTTPError as error:
            error.close()
            # 416: the part that lies here is no beginning of the file.
            if error.code == 416:
                remove(part)
            elif error.code not in _WORTH_ANOTHER_TRY:
                raise _unreachable(url, path, f"The server answers {error.code} ({error.reason})") from error
            reason: Exception = error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = error
        else:
            return
        if attempt + 1 < ATTEMPTS:
            time.sleep(PAUSE_SECONDS * 2**attempt)
    words = getattr(reason, "reason", None) or reason
    raise _unreachable(url, path, f"No answer from {urlsplit(url).hostname} ({words})") from reason


def _continue(url: str, part: Path, on_progress: Progress | None) -> None:
    """Download once, from where the part file ends. Raises what urllib raises when it breaks off."""
    state = part.with_name(part.name + ".json")
    start, headers = _resume(part, state)
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
        if response.status != 206:
            start = 0
        total = start + int(response.headers.get("Content-Length") or 0)
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        _write(state, json.dumps({"validator": validator}))
        done = start
        with part.open("ab" if start else "wb") as stream:
            while block := response.read(_BLOCK):
                stream.write(block)
                done += len(block)
                if done > MAX_BYTES:
                    raise KnownError(f"{url} is larger than expected.", "", "Look whether the address is right.")
                report(on_progress, "download", done, total if total > start else 0)
    if total > start and done < total:
        raise http.client.IncompleteRead(b"", total - done)
    remove(state)


def _resume(part: Path, state: Path) -> tuple[int, Mapping[str, str]]:
    headers = {"User-Agent": f"MolE-Studio/{__version__}"}
    size = part.stat().st_size if part.is_file() else 0
    validator = _validator(state)
    # Without a validator the server could have changed the file in between; then it is fetched anew.
    if not size or not validator or validator.startswith("W/"):
        return 0, headers
    return size, {**headers, "Range": f"bytes={size}-", "If-Range": validator}


def _validator(state: Path) -> str:
    try:
        content: Any = json.loads(state.read_text(encoding="utf-8"))
        return str(content["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _recorded(record: Path) -> str:
    try:
        return record.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unreachable(url: str, path: Path, cause: str) -> InputError:
    # What was asked for cannot be had from here: the command line ends with 2, not as with a fault of ours.
    return InputError(
        f"{path.name} cannot be downloaded.",
        f"{cause}.",
        f"Check the connection and try again, or save {url} as {path} yourself.",
    )


def _changed(url: str, path: Path, record: Path, *, known: bool) -> KnownError:
    since = "the published one" if known else "the one of the first download"
    remedy = "Try again later." if known else f"If the change is meant, delete {record} and try again."
    return KnownError(f"{path.name} is not the expected file.", f"What {url} sends differs from {since}.", remedy)
