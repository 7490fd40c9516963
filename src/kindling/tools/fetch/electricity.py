"""ElectricityLoadDiagrams20112014: 370 clients in one text file, a column each.

Semicolons between cells, decimal commas, kW every quarter of an hour; a client that was not there
yet reads 0. The year 2014 is the test.

References:
    Trindade, ElectricityLoadDiagrams20112014, 2015, UCI Machine Learning Repository,
    https://doi.org/10.24432/C58C86
"""

import csv
import io
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from kindling.errors import UserError, did_you_mean
from kindling.tools.fetch import archive

TABLE = "LD2011_2014.txt"
TRAIN, TEST = "electricity_train.csv", "electricity_test.csv"
FILES = {"2011": TRAIN, "2012": TRAIN, "2013": TRAIN, "2014": TEST}
"""By year; the table's last row is the first of 2015."""


def lay_out(source: Path, folder: Path, client: str | None) -> str:
    """Write the two files: of one client as ``consumption``, of all by their names."""
    with archive.opened(source) as opened, opened.open(archive.find(opened, TABLE)) as stream:
        return _split(stream, f"{source}, {TABLE}", folder, client)


def _split(stream: IO[bytes], source: str, folder: Path, client: str | None) -> str:
    rows = csv.reader(io.TextIOWrapper(stream, "utf-8"), delimiter=";")
    names = next(rows, [])[1:]
    if client is not None and client not in names:
        meant = did_you_mean(client, names) or f"; they are {' to '.join(names[:1] + names[-1:])}"
        raise UserError(f"{source}: no client {client}{meant}")
    places = range(len(names)) if client is None else [names.index(client)]
    counts, zeros, begun = {TRAIN: 0, TEST: 0}, 0, False
    with ExitStack() as stack:
        writers = {}
        for name in counts:
            sink = stack.enter_context((folder / name).open("w", newline=""))
            writers[name] = csv.writer(sink, lineterminator="\n")
            writers[name].writerow(["timestamp", *(["consumption"] if client else names)])
        for time, *cells in rows:
            if (file := FILES.get(time[:4])) is None:
                continue
            try:
                values = [cells[k].replace(",", ".") for k in places]
                numbers = [float(value) for value in values]
            except (ValueError, IndexError) as error:
                message = f"{source}, {time}: a cell is no number ({error}): fetch it again"
                raise UserError(message) from error
            writers[file].writerow([time, *values])
            counts[file] += 1
            begun = begun or any(numbers)
            zeros += not begun
    if not all(counts.values()):
        raise UserError(f"{source}: lacks the years 2011 to 2013 or 2014")
    late = f"; the first {zeros:,} rows are 0, before the client was there" if zeros else ""
    return f"{', '.join(f'{file} {n:,} rows' for file, n in counts.items())}, in kW{late}"
