"""Houses-dataset: 535 houses with four photos each, in a repository.

References:
    Ahmed and Moustafa, House Price Estimation from Visual and Textual Features, 2016,
    arXiv:1609.08399
"""

import csv
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kindling.errors import UserError
from kindling.fetch import archive

TABLE = "HousesInfo.txt"
ROOMS = ("frontal", "bedroom", "kitchen", "bathroom")
HEADER = ("house", "bedrooms", "bathrooms", "area", "zipcode", *ROOMS, "price")
COMMON = 25
"""Houses that a zip code must have for the usual smaller table."""

CELLS = 5
"""Of a row: bedrooms, bathrooms, area, zip code and price."""


def lay_out(source: Path, folder: Path) -> str:
    """Write ``houses.csv``, ``houses_362.csv`` (common zip codes) and ``images``.

    Args:
        source: The repository's archive.
        folder: An empty one.

    Returns:
        What there is to know about it.

    Raises:
        UserError: The archive lacks the table or a photo.
    """
    with archive.opened(source) as opened:
        names = archive.files(opened)
        tables = [name for name in names if PurePosixPath(name).name == TABLE]
        if not tables:
            raise UserError(f"{source}: holds no {TABLE}; is it the archive of this repository?")
        houses = _houses(opened, tables[0], source)
        above = PurePosixPath(tables[0]).parent
        there = set(names)
        for number in range(1, len(houses) + 1):
            for room in ROOMS:
                photo = f"{number}_{room}.jpg"
                if str(above / photo) not in there:
                    raise UserError(f"{source}: lacks {photo}: fetch it again")
                archive.unpack(opened, str(above / photo), folder / "images" / photo)
    zips = Counter(row[3] for row in houses)
    common = [row for row in enumerate(houses, 1) if zips[row[1][3]] >= COMMON]
    _write(folder / "houses.csv", list(enumerate(houses, 1)))
    # Named after how many there are in the set as it was published.
    _write(folder / "houses_362.csv", common)
    return f"houses.csv {len(houses)} rows, houses_362.csv {len(common)}, prices in dollars"


def _houses(opened: zipfile.ZipFile, name: str, source: Path) -> list[list[str]]:
    houses = []
    for number, line in enumerate(opened.read(name).decode().splitlines(), 1):
        cells = line.split()
        if cells and len(cells) != CELLS:
            raise UserError(f"{source}, {TABLE}, line {number}: {len(cells)} cells, not {CELLS}")
        if cells:
            houses.append(cells)
    return houses


def _write(path: Path, houses: Sequence[tuple[int, Sequence[str]]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for number, (bedrooms, bathrooms, area, zipcode, price) in houses:
            photos = [f"images/{number}_{room}.jpg" for room in ROOMS]
            writer.writerow([number, bedrooms, bathrooms, area, zipcode, *photos, price])
