"""A file from the web: gone on with where it was cut, whole or not there. Nothing imports torch."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kindling.errors import UserError

CHUNK = 1 << 18
"""Bytes at a time."""

ATTEMPTS = 5
"""In a row that bring no byte."""

STALL = 30.0
"""Seconds without a byte after which a connection is given up."""

LARGEST = 4 << 30
"""Bytes; the largest set here has a quarter of a billion."""

PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP statuses that another attempt may not meet."""

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there, and how many there will be if that is known."""


class Retry(Exception):
    """What another attempt may mend."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows, but never from an encrypted connection to an open one, or to a file."""

    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, to: str
    ) -> Any:
        schemes = {"https"} if req.full_url.startswith("https:") else {"http", "https"}
        if urlsplit(to).scheme not in schemes:
            raise UserError(f"{req.full_url}: sends on to {to}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, to)


def download(
    url: str,
    path: Path,
    progress: Progress = lambda there, total: None,
    stall: float = STALL,
    wait: Callable[[int], None] = lambda attempt: None,
) -> None:
    """Fetch ``url`` to ``path``.

    What has come so far lies in ``<path>.part``, and beside it what the server called that
    version of the file; the same call goes on there as long as the server still has it.

    Args:
        url: http or https.
        path: Where it goes; a file that is there is left as it is.
        progress: For a display.
        stall: Seconds without a byte after which to try again.
        wait: Called before each further attempt with how many there have been in a row.

    Raises:
        UserError: The address is wrong, or the server does not answer.
    """
    if path.exists():
        return
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"{url}: not an address of the web, https://...")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    failed = 0
    while True:
        before = _length(part)
        try:
            _attempt(url, part, progress, stall)
        except Retry as reason:
            failed = 0 if _length(part) > before else failed + 1
            if failed >= ATTEMPTS:
                raise UserError(
                    f"{url}: {reason}, {failed} times in a row; what has come is kept, and the "
                    "same command goes on with it"
                ) from reason
            wait(failed)
            continue
        part.replace(path)
        _version(part).unlink(missing_ok=True)
        return


def _attempt(url: str, part: Path, progress: Progress, stall: float) -> None:
    """One connection; returns when the file is whole."""
    start, version = _length(part), _version(part)
    request = urllib.request.Request(url, headers={"User-Agent": "kindling"})
    if start and version.exists():
        request.add_header("Range", f"bytes={start}-")
        # A server whose file is another one by now sends that from the start.
        request.add_header("If-Range", version.read_text())
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=stall) as answer:
            _receive(answer, part, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            part.unlink(missing_ok=True)
        elif error.code not in PASSING:
            raise UserError(f"{url}: the server says {error.code} {error.reason}") from error
        raise Retry(f"the server says {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        if getattr(error, "filename", None):
            raise
        raise Retry(f"the connection failed ({getattr(error, 'reason', error)})") from error


def _receive(answer: Any, part: Path, progress: Progress) -> None:
    going_on = answer.status == 206
    there = _length(part) if going_on else 0
    if going_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
        part.unlink(missing_ok=True)
        raise Retry("the server went on at another place")
    length = answer.headers.get("Content-Length")
    total = None if length is None else there + int(length)
    if (total or 0) > LARGEST:
        raise UserError(f"{answer.url}: {total:,} bytes are too many for what is fetched here")
    _remember(answer, part)
    with part.open("ab" if going_on else "wb") as stream:
        while chunk := answer.read1(CHUNK):
            stream.write(chunk)
            there += len(chunk)
            progress(there, total)
            if there > LARGEST:
                raise UserError(f"{answer.url}: sends more than {LARGEST:,} bytes")
    if total is not None and there < total:
        raise Retry(f"the connection was cut at {there:,} of {total:,} bytes")


def _remember(answer: Any, part: Path) -> None:
    """What names this very version of the file; without, the next attempt starts over."""
    tag = answer.headers.get("ETag", "")
    name = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
    if name and answer.headers.get("Accept-Ranges") != "none":
        _version(part).write_text(name)
    else:
        _version(part).unlink(missing_ok=True)


def _version(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
