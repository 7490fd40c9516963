"""``digests.json``: the SHA-256 of what was fetched, noted the first time and held to after that.

The servers publish none, so that the first download is trusted: compare it with someone else's.
"""

import hashlib
import json
from pathlib import Path

from kindling.errors import UserError


def check(archive: Path, url: str, notes: Path) -> str:
    """The SHA-256 of an archive, the same as when ``url`` was first fetched.

    Args:
        archive: The file.
        url: Where it is from.
        notes: The file of digests, by address.

    Raises:
        UserError: It is another file than then.
    """
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if (before := _read(notes).get(url, digest)) != digest:
        raise UserError(
            f"{archive}: SHA-256 {digest[:12]}, but {before[:12]} when {url} was first fetched: "
            f"delete it and fetch again; if the set was changed, take it out of {notes}"
        )
    return digest


def note(digest: str, url: str, notes: Path) -> None:
    """Hold later downloads to this digest, of an archive that was found to be sound."""
    unfinished = notes.with_name(f".{notes.name}")
    unfinished.write_text(json.dumps({**_read(notes), url: digest}, indent=2) + "\n")
    unfinished.replace(notes)


def _read(notes: Path) -> dict[str, str]:
    if not notes.exists():
        return {}
    try:
        known: dict[str, str] = json.loads(notes.read_text())
    except ValueError as error:
        raise UserError(f"{notes}: not JSON ({error}); correct or delete it") from error
    return known
