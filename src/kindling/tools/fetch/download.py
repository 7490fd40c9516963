"""A file from the web: whole or not there, and the same as when it was first fetched."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pooch
from requests import RequestException, Response

from kindling.errors import UserError
from kindling.tools.fetch.archive import LARGEST, Unsound

ATTEMPTS = 5

PASSING = {408, 425, 429}
"""Statuses from 400 to 499 that another attempt may not meet."""


def download(url: str, path: Path, stall: float = 30, progress: bool = False) -> None:
    """Fetch ``url`` to ``path``, unless that is there; silent for ``stall`` s, it tries again."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"{url}: not an address of the web, https://...")
    pooch.get_logger().setLevel("WARNING")
    web = pooch.HTTPDownloader(progress, 1 << 18, timeout=stall, hooks={"response": refuse})
    files, urls = {path.name: None}, {path.name: url}
    source = pooch.create(path.parent, "", registry=files, urls=urls, retry_if_failed=ATTEMPTS - 1)
    try:
        source.fetch(path.name, downloader=web)
    except RequestException as error:
        message = f"the connection failed ({type(error).__name__})"
        if error.response is not None:
            message = f"the server says {error.response.status_code} {error.response.reason}"
        raise UserError(f"{url}: {message}, {ATTEMPTS} times in a row; try again later") from error


def refuse(answer: Response, **_: Any) -> None:
    """Raise a UserError by an answer's head, where another attempt would meet the same."""
    url, code, message = answer.url, answer.status_code, ""
    if answer.is_redirect:
        to = urljoin(url, answer.headers["location"])
        # Never from an encrypted connection to an open one, or to a file.
        if urlsplit(to).scheme not in {"https", urlsplit(url).scheme}:
            message = f"sends on to {to}, which is not followed"
    elif 400 <= code < 500 and code not in PASSING:
        message = f"the server says {code} {answer.reason}"
    elif int(size := answer.headers.get("Content-Length", "0")) > LARGEST:
        message = f"{size} bytes are too many for what is fetched here"
    if message:
        answer.close()
        raise UserError(f"{url}: {message}")


@contextmanager
def held(archive: Path, url: str) -> Iterator[str]:
    """The SHA-256 of an archive, while it is laid out.

    The servers publish none, so that the first download is trusted: compare it with someone
    else's. Where that is found to be sound it is noted, and later ones are held to it.

    Raises:
        UserError: It is another file than when ``url`` was first fetched.
    """
    notes, digest = archive.with_name("digests.json"), pooch.file_hash(str(archive))
    try:
        known = json.loads(notes.read_text()) if notes.exists() else {}
    except ValueError as error:
        raise UserError(f"{notes}: not JSON ({error}); correct or delete it") from error
    if (before := known.get(url, digest)) != digest:
        raise UserError(
            f"{archive}: SHA-256 {digest[:12]}, but {before[:12]} when {url} was first fetched: "
            f"delete it and fetch again; if the set was changed, take it out of {notes}"
        )
    try:
        yield digest
    except Unsound:
        archive.unlink()  # so that the same command fetches it again
        raise
    unfinished = notes.with_name(f".{notes.name}")
    unfinished.write_text(json.dumps({**known, url: digest}, indent=2) + "\n")
    unfinished.replace(notes)
