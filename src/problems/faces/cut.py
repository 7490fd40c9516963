"""Splits of photos of people: the same people in all splits, or nobody in two of them.

N: photos.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kindling.data.files import identical
from kindling.data.split import SplitConfig, grouped_split, linked_rows, stratified_split
from kindling.errors import UserError
from problems.faces.listing import Listing

By = Literal["image", "person"]
Rows = NDArray[np.int64]

NOBODY = ""
"""Stands for whoever is in photos without identity; no cell of a table can hold it."""

NAMED = 10
"""People that one line names."""

log = logging.getLogger(__name__)


def cut_rows(listing: Listing, by: By, cut: SplitConfig) -> list[Rows]:
    """Rows of training, validation and test; photos that are the same stay together.

    Raises:
        UserError: There are too few photos or people, or the same photo has two names.
    """
    photo = same_photos(listing.files)
    person = _people(listing, photo)
    _report(listing, photo)
    if by == "person":
        # Nobody knows who is in a photo without identity: each is somebody else.
        known = zip(person, photo, strict=True)
        group = [f"photo {k}" if name == NOBODY else f"person {name}" for name, k in known]
        return cut(grouped_split, np.array(group))
    return _by_image(listing, photo, person, cut)


def same_photos(files: Sequence[Path]) -> Rows:
    """The first row with the same photo, byte for byte, ``(N,)``."""
    rows: dict[Path, list[int]] = defaultdict(list)
    for row, file in enumerate(files):
        rows[file].append(row)
    alike = [[row for file in same for row in rows[file]] for same in identical(rows)]
    return linked_rows(len(files), [*rows.values(), *alike])


def _people(listing: Listing, photo: Rows) -> NDArray[np.str_]:
    """Who is in each photo, also where only another row with the same photo says so."""
    known: dict[int, int] = {}
    for k in np.flatnonzero(listing.named).tolist():
        other = known.setdefault(int(photo[k]), k)
        if listing.identity[other] != listing.identity[k]:
            raise UserError(
                f"{listing.path}, row {listing.lines[k]}: {listing.names[k]} is the same photo as "
                f"in row {listing.lines[other]}, byte for byte, and said to be "
                f"{listing.identity[k]}, not {listing.identity[other]}: correct one of them"
            )
    who = [listing.identity[known[p]] if p in known else NOBODY for p in photo.tolist()]
    return np.array(who, dtype=str)


def _by_image(
    listing: Listing, photo: Rows, person: NDArray[np.str_], cut: SplitConfig
) -> list[Rows]:
    """Each split gets its share of everybody; who has too few photos for that is in training."""
    units = np.unique(photo)
    whose = person[units]
    people, which, count = np.unique(whose, return_inverse=True, return_counts=True)
    enough = count >= cut.fewest
    if not enough.any():
        raise UserError(
            f"{listing.path}: nobody has {cut.fewest} different photos or more, one for each "
            "split: add photos, or cut by person (--data.by=person)"
        )
    kept = units[enough[which]]
    train, *others = (kept[part] for part in cut(stratified_split, person[kept]))
    parts = [np.concatenate([train, units[~enough[which]]]), *others]
    if len(rare := people[~enough & (people != NOBODY)]):
        names = ", ".join(rare[:NAMED]) + (", ..." if len(rare) > NAMED else "")
        log.warning("too few photos for every split, in training alone: %d (%s)", len(rare), names)
    return [np.flatnonzero(np.isin(photo, part)) for part in parts]


def _report(listing: Listing, photo: Rows) -> None:
    total, named = len(photo), int(listing.named.sum())
    aged = total - int(np.isnan(listing.age).sum())
    log.info("targets: identity of %d photos, age of %d, of %d in all", named, aged, total)
    if repeated := total - len(np.unique(photo)):
        log.info("photos that repeat another, byte for byte, in the same split: %d", repeated)
