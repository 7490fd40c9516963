"""The one range of values that images of more than eight bits have in a data set.

Stretched each by itself, a dark image would look as a bright one does.
"""

import json
import logging
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PIL import Image

from kindling.data.files import cores, formats, printable
from kindling.data.whole import replaced
from kindling.errors import UserError
from kindling.images.cache import content_key
from kindling.images.read import deep, pick, silent, value_range

EIGHT_BITS = (".jpg", ".jpeg", ".webp", ".gif", ".bmp")
"""Files that need not be opened to know that they have no more."""

FEW = 16
"""Of 256 levels, below which an image shows next to nothing."""

Levels = tuple[float, float]
log = logging.getLogger(__name__)


def find_levels(
    files: Sequence[Path],
    given: Levels | None,
    cache: Path | None,
    bands: Sequence[int] | None = None,
) -> Levels | None:
    """Which values are black and white: the least and the largest of the training images.

    Args:
        files: Training images; those that cannot be read are passed over here.
        given: The range that is set, if any.
        cache: Folder that remembers what was measured; none measures at every start.
        bands: Of the images, as ``Rendering`` has them.

    Returns:
        None if no image has more than eight bits, and nothing is set.
    """
    with ThreadPoolExecutor(cores()) as pool, silent():
        each = pool.map(lambda file: _is_deep(file, bands), files)
        wide = [f for f, is_deep in zip(files, each, strict=True) if is_deep]
    found = _ranges(wide, cache, bands)
    ranges = {f: r for f, r in zip(wide, found, strict=True) if r[0] <= r[1]}
    if not ranges:
        return given
    least, most = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
    low, high = given or (least, most if most > least else least + 1)
    narrow = (high - low) * FEW / 256
    flat = [f for f, (a, b) in ranges.items() if min(b, high) - max(a, low) < narrow]
    if flat:
        of = f"{len(flat)} of {len(wide)} images of more than eight bits, {printable(flat[0])} say,"
        few = f"have fewer than {FEW} of 256 levels between {low:g} and {high:g}"
        log.warning("%s %s; data.levels sets which values are black and white", of, few)
    elif given is None:
        said = "images of more than eight bits: %d; black is %g and white %g (data.levels)"
        log.info(said, len(wide), low, high)
    return low, high


def check_levels(levels: Sequence[float] | None) -> Levels | None:
    """The setting, once it is known to be two numbers that rise."""
    if levels is None:
        return None
    if len(levels) != 2 or not levels[0] < levels[1]:
        raise UserError(f"data.levels={list(levels)}: two rising numbers: black and white")
    return float(levels[0]), float(levels[1])


def _is_deep(file: Path, bands: Sequence[int] | None) -> bool:
    if file.suffix.lower() in EIGHT_BITS or not file.is_file():
        return False
    try:
        with Image.open(file, formats=formats()) as image:
            return any(deep(band) for band in pick(image, bands))
    except Exception:  # as it is when it is read, which says so
        return False


def _ranges(files: Sequence[Path], cache: Path | None, bands: Sequence[int] | None) -> list[Levels]:
    """Of each file, the least and the largest value; the wrong way round where it is broken."""
    chosen = "" if bands is None else "-" + "-".join(map(str, bands))
    memory = cache / f"{content_key(files)}{chosen}.levels" if cache is not None else None
    if memory is not None and memory.is_file():
        return [(low, high) for low, high in json.loads(memory.read_text())]
    with ThreadPoolExecutor(cores()) as pool, silent():
        ranges = list(pool.map(lambda file: _range(file, bands), files))
    if memory is not None and files:
        with suppress(OSError, UserError):  # then they are measured again
            memory.parent.mkdir(parents=True, exist_ok=True)
            with replaced(memory) as unfinished:
                unfinished.write_text(json.dumps(ranges))
    return ranges


def _range(file: Path, bands: Sequence[int] | None) -> Levels:
    try:
        with Image.open(file, formats=formats()) as image:
            return value_range(*pick(image, bands))
    except Exception:
        return math.inf, -math.inf
