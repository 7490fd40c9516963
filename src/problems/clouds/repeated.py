"""Photos that lie in two splits at once: a score on those is no score on new photos."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindling.data.files import duplicates

log = logging.getLogger(__name__)

ORDER = ("train", "val", "test")
"""A photo in several splits stays in the last of them."""

NAMED = 10
"""Files that one line names."""

Rows = NDArray[np.int64]


def without_repeated(
    rows: Mapping[str, Rows], files: Mapping[str, Sequence[Path]], root: Path, drop: bool
) -> dict[str, Rows]:
    """The rows of each split that no later split repeats, byte for byte.

    Args:
        rows: Of each split, in the files that it is cut from.
        files: Those files.
        root: Folder below which files are named in the report.
        drop: Leave the repeated rows out; else they are reported alone.
    """
    chosen = {split: [files[split][row] for row in rows[split]] for split in ORDER}
    repeated: set[Path] = set()
    for alike in duplicates(chosen):
        *earlier, _ = (alike[split] for split in ORDER if split in alike)
        repeated.update(file for split in earlier for file in split)
    if repeated:
        _report(sorted(file.relative_to(root).as_posix() for file in repeated), drop)
    if not drop:
        return dict(rows)
    kept = {split: np.array([f not in repeated for f in chosen[split]], bool) for split in ORDER}
    return {split: rows[split][kept[split]] for split in ORDER}


def _report(names: Sequence[str], drop: bool) -> None:
    more = ", ..." if len(names) > NAMED else ""
    log.warning(
        "%d photos lie in a later split too, %s: %s%s",
        len(names),
        "left out" if drop else "kept (--data.drop_duplicates=false)",
        ", ".join(names[:NAMED]),
        more,
    )
