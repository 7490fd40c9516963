"""ElectricityLoadDiagrams20112014: 370 clients in one text file, a column each.

Semicolons between cells, decimal commas, kW every quarter of an hour; a client that was not there
yet reads 0. The year 2014 is the test.

References:
    Trindade, ElectricityLoadDiagrams20112014, 2015, UCI Machine Learning Repository,
    https://doi.org/10.24432/C58C86
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from kindling.errors import UserError
from kindling.fetch import archive
from kindling.words import did_you_mean

TABLE = "LD2011_2014.txt"
TRAINING = ("2011", "2012", "2013")
TEST = ("2014",)
FILES = {"electricity_train.csv": TRAINING, "electricity_test.csv": TEST}
VALUE = "consumption"


def lay_out(source: Path, folder: Path, client: str | None) -> str:
    """Write the two files: of one client as ``consumption``, of all by their names.

    Args:
        source: The archive.
        folder: An empty one.
        client: Such as ``MT_200``; none is all of them.

    Returns:
        What there is to know about it.

    Raises:
        UserError: The archive lacks the table, the table the client, or a cell is no number.
    """
    with archive.opened(source) as opened:
        names = [name for name in archive.files(opened) if Path(name).name == TABLE]
        if not names:
            raise UserError(f"{source}: holds no {TABLE}; is it the archive of this set?")
        with opened.open(names[0]) as stream:
            return _split(stream, source, folder, client)


def _split(stream: IO[bytes], source: Path, folder: Path, client: str | None) -> str:
    rows = csv.reader(io.TextIOWrapper(stream, "utf-8"), delimiter=";")
    header = next(rows, [])
    columns = _columns(header, client, source)
    titles = ["timestamp", *([VALUE] if client else [header[k] for k in columns])]
    counts, zeros, begun = dict.fromkeys(FILES, 0), 0, False
    years = {year: name for name, of in FILES.items() for year in of}
    sinks = {name: (folder / name).open("w", newline="") for name in FILES}
    try:
        writers = {name: csv.writer(sink, lineterminator="\n") for name, sink in sinks.items()}
        for writer in writers.values():
            writer.writerow(titles)
        for time, values in _numbers(rows, columns, source):
            # The last row is the first of 2015.
            if (name := years.get(time[:4])) is None:
                continue
            writers[name].writerow([time, *values])
            counts[name] += 1
            begun = begun or any(float(value) for value in values)
            zeros += not begun
    finally:
        for sink in sinks.values():
            sink.close()
    if not all(counts.values()):
        raise UserError(f"{source}: {TABLE} lacks the years 2011 to 2013 or 2014")
    sizes = ", ".join(f"{name} {count:,} rows" for name, count in counts.items())
    late = f"; the first {zeros:,} rows are 0, before the client was there" if zeros else ""
    return f"{sizes}, in kW{late}"


def _columns(header: Sequence[str], client: str | None, source: Path) -> list[int]:
    """Places of the cells that are wanted; the first cell is the time."""
    if client is None:
        return list(range(1, len(header)))
    if client not in header[1:]:
        known = header[1:] if len(header) > 1 else [TABLE]
        meant = did_you_mean(client, known) or f"; they are {known[0]} to {known[-1]}"
        raise UserError(f"{source}: no client {client}{meant}")
    return [header.index(client)]


def _numbers(
    rows: Iterator[list[str]], columns: Sequence[int], source: Path
) -> Iterator[tuple[str, list[str]]]:
    """Times, and cells with a decimal point."""
    for row in rows:
        try:
            values = [row[k].replace(",", ".") for k in columns]
            for value in values:
                float(value)
        except (ValueError, IndexError) as error:
            line = f"{source}, {TABLE}, {row[0] if row else 'an empty row'}"
            raise UserError(f"{line}: a cell is no number ({error}): fetch it again") from error
        yield row[0], values
