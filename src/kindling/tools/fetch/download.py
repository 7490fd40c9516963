"""A file from the web or from Kaggle: whole or not there, and the same as when first fetched."""

import json
import os
import shutil
import subprocess
import sys
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
PASSING = {408, 425, 429}  # statuses from 400 to 499 that another attempt may not meet


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
    url, code = answer.url, answer.status_code
    to = urljoin(url, answer.headers.get("location", ""))
    # Never from an encrypted connection to an open one, or to a file.
    if urlsplit(to).scheme not in {"https", urlsplit(url).scheme}:
        raise UserError(f"{url}: sends on to {to}, which is not followed")
    if 400 <= code < 500 and code not in PASSING:
        raise UserError(f"{url}: the server says {code} {answer.reason}")
    if int(size := answer.headers.get("Content-Length", "0")) > LARGEST:
        raise UserError(f"{url}: {size} bytes are too many for what is fetched here")


@contextmanager
def held(archive: Path, url: str) -> Iterator[str]:
    """The SHA-256 of an archive, while it is laid out.

    The servers publish none, so that the first download is trusted. Where that can be laid out it
    is noted, and later ones are held to it: another file is a UserError.
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


def by_kaggle(task: str, name: str, target: Path) -> None:
    """Let Kaggle's client download ``datasets/owner/name`` or ``competitions/name`` to ``target``.

    Raises:
        UserError: There is no client, or it fails, as it does without credentials.
    """
    kind, _, slug = name.partition("/")
    page = f"{task} is from https://www.kaggle.com/{name}, which wants an account"
    token = "a token from https://www.kaggle.com/settings goes into ~/.kaggle"
    by_hand = 'or download it there and give it: ARGS="--archive FILE.zip"'
    client = shutil.which("kaggle", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if client is None:
        raise UserError(f"{page}: pip install kaggle; {token}; {by_hand}")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [client, kind, "download", f"-{kind[0]}", slug, "-p", str(target.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        last = (done.stdout + done.stderr).strip().rpartition("\n")[2] or "silently"
        rules = "; a competition's rules must be accepted first" if kind == "competitions" else ""
        raise UserError(f"{page}: Kaggle's client failed ({last}); {token}{rules}; {by_hand}")
