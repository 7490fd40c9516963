"""Houses-dataset: 535 houses with four photos each, in a repository.

References:
    Ahmed and Moustafa, House Price Estimation from Visual and Textual Features, 2016,
    arXiv:1609.08399
"""

from pathlib import Path, PurePosixPath

import pandas as pd

from kindling.errors import UserError
from kindling.tools.fetch import archive

TABLE = "HousesInfo.txt"
CELLS = ["bedrooms", "bathrooms", "area", "zipcode", "price"]
ROOMS = ("frontal", "bedroom", "kitchen", "bathroom")
COMMON = 25
"""Houses that a zip code must have for the usual smaller table."""


def lay_out(source: Path, folder: Path) -> str:
    """Write ``houses.csv``, ``houses_362.csv`` (common zip codes) and ``images``."""
    with archive.opened(source) as opened:
        name = archive.find(opened, TABLE)
        rows = [line.split() for line in opened.read(name).decode().splitlines() if line.strip()]
        for line, row in enumerate(rows, 1):
            if len(row) != len(CELLS):
                message = f"line {line}: {len(row)} cells, not {len(CELLS)}"
                raise UserError(f"{source}, {TABLE}, {message}")
        there = set(archive.files(opened))
        for photo in (f"{k}_{room}.jpg" for k in range(1, len(rows) + 1) for room in ROOMS):
            if (member := str(PurePosixPath(name).with_name(photo))) not in there:
                raise UserError(f"{source}: lacks {photo}: fetch it again")
            archive.unpack(opened, member, folder / "images" / photo)
    table = pd.DataFrame(rows, columns=CELLS)
    table.insert(0, "house", range(1, len(rows) + 1))
    for room in ROOMS:
        photos = [f"images/{house}_{room}.jpg" for house in table["house"]]
        table.insert(len(table.columns) - 1, room, photos)
    common = table[table.groupby("zipcode")["house"].transform("size") >= COMMON]
    # The smaller one is named after how many there are in the set as it was published.
    for file, part in (("houses.csv", table), ("houses_362.csv", common)):
        part.to_csv(folder / file, index=False, lineterminator="\n")
    return f"houses.csv {len(table)} rows, houses_362.csv {len(common)}, prices in dollars"
