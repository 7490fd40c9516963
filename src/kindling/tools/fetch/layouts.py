"""How each set is published, and how its data module expects it."""

import random
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile

import pandas as pd

from kindling.errors import UserError, did_you_mean
from kindling.tools.fetch import archive

Places = dict[str, tuple[str, ...]]
WATER = "water_potability.csv"
CLOUDS = ("clouds_train", "clouds_test")
PLACES = [(name,) for name in CLOUDS]
PHOTOS = {".jpg", ".jpeg", ".png"}
DIAGRAMS = "LD2011_2014.txt"
TRAIN, TEST = "electricity_train.csv", "electricity_test.csv"
YEARS = {"2011": TRAIN, "2012": TRAIN, "2013": TRAIN, "2014": TEST}  # the last row is of 2015
HOUSES = "HousesInfo.txt"
CELLS = ["bedrooms", "bathrooms", "area", "zipcode", "price"]
ROOMS = ("frontal", "bedroom", "kitchen", "bathroom")
COMMON = 25  # houses that a zip code must have for the usual smaller table


def electricity(source: Path, folder: Path, client: str | None) -> str:
    """Two files: of one client as ``consumption``, of all by their names.

    370 clients, a column each; semicolons between cells, decimal commas, kW every quarter of an
    hour; a client that was not there yet reads 0.

    References:
        Trindade, ElectricityLoadDiagrams20112014, 2015, UCI Machine Learning Repository,
        https://doi.org/10.24432/C58C86
    """
    where, counts, zeros = f"{source}, {DIAGRAMS}", {TRAIN: 0, TEST: 0}, 0
    with archive.opened(source) as opened, opened.open(archive.find(opened, DIAGRAMS)) as stream:
        names = stream.readline().decode().replace('"', "").strip().split(";")
        if client is not None and client not in names[1:]:
            meant = did_you_mean(client, names[1:]) or f"; they are {names[1:2]} to {names[-1:]}"
            raise UserError(f"{where}: no client {client}{meant}")
        stream.seek(0)
        columns = list(range(len(names))) if client is None else [0, names.index(client)]
        options: dict[str, Any] = {"sep": ";", "usecols": columns, "index_col": 0, "dtype": str}
        for chunk in pd.read_csv(stream, chunksize=5000, **options):
            rows = chunk[chunk.index.str[:4].isin(YEARS)].apply(lambda k: k.str.replace(",", "."))
            numbers = rows.apply(pd.to_numeric, errors="coerce")
            if (wrong := numbers.isna().any(axis=1)).any():
                raise UserError(f"{where}, {wrong.idxmax()}: a cell is no number: fetch it again")
            if zeros == sum(counts.values()):
                zeros += int((numbers == 0).all(axis=1).cummin().sum())
            rows = rows.rename_axis("timestamp").rename(columns={client: "consumption"})
            for file, part in rows.groupby(rows.index.str[:4].map(YEARS)):
                part.to_csv(folder / file, mode="a", header=not counts[file], lineterminator="\n")
                counts[file] += len(part)
    if not all(counts.values()):
        raise UserError(f"{where}: lacks the years 2011 to 2013 or 2014")
    late = f"; the first {zeros:,} rows are 0, before the client was there" if zeros else ""
    return f"{', '.join(f'{file} {n:,} rows' for file, n in counts.items())}, in kW{late}"


def houses(source: Path, folder: Path, client: str | None = None) -> str:
    """``houses.csv``, ``houses_362.csv`` (common zip codes) and ``images``, four a house.

    References:
        Ahmed and Moustafa, House Price Estimation from Visual and Textual Features, 2016,
        arXiv:1609.08399
    """
    with archive.opened(source) as opened:
        name = archive.find(opened, HOUSES)
        rows = [line.split() for line in opened.read(name).decode().splitlines() if line.strip()]
        present = archive.files(opened)
        for line, row in enumerate(rows, 1):
            if len(row) != len(CELLS):
                message = f"line {line}: {len(row)} cells, not {len(CELLS)}"
                raise UserError(f"{source}, {HOUSES}, {message}")
            for photo in (f"{line}_{room}.jpg" for room in ROOMS):
                if (member := str(PurePosixPath(name).with_name(photo))) not in present:
                    raise UserError(f"{source}: lacks {photo}: fetch it again")
                archive.unpack(opened, member, folder / "images" / photo)
    table = pd.DataFrame(rows, columns=CELLS)
    table.insert(0, "house", range(1, len(rows) + 1))
    for room in ROOMS:
        table[room] = [f"images/{house}_{room}.jpg" for house in table["house"]]
    table["price"] = table.pop("price")  # as the last column
    common = table[table.groupby("zipcode")["house"].transform("size") >= COMMON]
    # The smaller one is named after how many there are in the set as it was published.
    for file, part in (("houses.csv", table), ("houses_362.csv", common)):
        part.to_csv(folder / file, index=False, lineterminator="\n")
    return f"houses.csv {len(table)} rows, houses_362.csv {len(common)}, prices in dollars"


def water(source: Path, folder: Path, client: str | None = None) -> str:
    """``water_potability.csv`` as it is."""
    with archive.opened(source) as opened:
        archive.unpack(opened, archive.find(opened, WATER), folder / WATER)
    rows = (folder / WATER).read_bytes().count(b"\n") - 1
    return f"{WATER} {rows:,} rows"


def clouds(source: Path, folder: Path, client: str | None = None) -> str:
    """``clouds_train`` and ``clouds_test``, a folder a class in each.

    An archive that has both is taken as it is. The competition's own has labels for its training
    photos alone: half of each class becomes the test, drawn with a fixed seed.
    """
    with archive.opened(source) as opened:
        photos = {n: p for n, p in archive.files(opened).items() if p.suffix.lower() in PHOTOS}
        placed = {n: p.parts[-3:] for n, p in photos.items() if p.parts[-3:-2] in PLACES}
        placed = placed or _cut(opened, photos, source)
        for name, place in placed.items():
            archive.unpack(opened, name, folder.joinpath(*place))
    counts = Counter(place[0] for place in placed.values())
    if set(counts) != set(CLOUDS):
        raise UserError(f"{source}: neither photos in {' and '.join(CLOUDS)} nor with a train.csv")
    classes = {place[1] for place in placed.values()}
    return f"{', '.join(f'{k} {counts[k]:,} photos' for k in CLOUDS)}, {len(classes)} classes"


def _cut(opened: ZipFile, photos: dict[str, PurePosixPath], source: Path) -> Places:
    """Where photos go that ``train.csv`` labels, by columns ``id`` and ``label``."""
    tables = [name for name, path in archive.files(opened).items() if path.name == "train.csv"]
    if not tables:
        return {}
    table = pd.read_csv(opened.open(tables[0]), dtype=str, keep_default_na=False)
    if not {"id", "label"} <= set(table):
        raise UserError(f"{source}: train.csv has no columns id and label")
    stems = (PurePosixPath(name).stem for name in table["id"])
    label_of = dict(zip(stems, table["label"].str.replace("/", " "), strict=True))
    placed: Places = {}
    for label in sorted(set(label_of.values())):
        names = [name for name in sorted(photos) if label_of.get(photos[name].stem) == label]
        random.Random(label).shuffle(names)
        for k, name in enumerate(names):
            placed[name] = (CLOUDS[k >= len(names) / 2], label, photos[name].name)
    return placed
