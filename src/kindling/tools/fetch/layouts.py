"""Converts each set from its published layout to the one that its data module expects."""

from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import pandas as pd

from kindling.errors import UserError, did_you_mean

WATER = "water_potability.csv"
CLOUDS = ("clouds_train", "clouds_test")
PHOTOS = {".jpg", ".jpeg", ".png"}
DIAGRAMS = "LD2011_2014.txt"
TRAIN, TEST = "electricity_train.csv", "electricity_test.csv"
DIGITS = "%.15g"  # which writes a number with the digits that were read
YEARS = {"2011": TRAIN, "2012": TRAIN, "2013": TRAIN, "2014": TEST}  # the last row is of 2015
HOUSES = "HousesInfo.txt"
CELLS = ["bedrooms", "bathrooms", "area", "zipcode", "price"]
ROOMS = ("frontal", "bedroom", "kitchen", "bathroom")
COMMON = 25  # houses that a zip code must have for the usual smaller table

LayOut = Callable[[Path, Path, str | None], str]
"""Writes the set in the first folder into the second, and returns a summary."""


def electricity(source: Path, folder: Path, client: str | None) -> str:
    """Two files, with one client as ``consumption`` or all clients by their names.

    370 clients, a column each; semicolons between cells, decimal commas, kW every quarter of an
    hour; a client that was not there yet reads 0.

    References:
        Trindade, ElectricityLoadDiagrams20112014, 2015, UCI Machine Learning Repository,
        https://doi.org/10.24432/C58C86
    """
    file = _find(source, DIAGRAMS)
    try:
        names = [str(name) for name in pd.read_csv(file, sep=";", nrows=0).columns[1:]]
        if client is not None and client not in names:
            raise UserError(f"{DIAGRAMS}: no client {client}{did_you_mean(client, names)}")
        columns = [0, *(k for k, name in enumerate(names, 1) if client in (None, name))]
        table = pd.read_csv(file, sep=";", decimal=",", index_col=0, usecols=columns)
        table = table.astype(float).rename_axis("timestamp").rename(columns={client: "consumption"})
    except ValueError as error:
        raise UserError(f"{DIAGRAMS}: {error}: fetch it again") from error
    parts = dict(iter(table.groupby(table.index.str[:4].map(YEARS))))
    if set(parts) != {TRAIN, TEST} or table.isna().any(axis=None):
        raise UserError(f"{DIAGRAMS}: lacks cells, or the years 2011 to 2013 or 2014")
    for name, part in parts.items():
        part.to_csv(folder / name, float_format=DIGITS, lineterminator="\n")
    return f"{', '.join(f'{name} {len(part):,} rows' for name, part in parts.items())}, in kW"


def houses(source: Path, folder: Path, client: str | None = None) -> str:
    """``houses.csv``, ``houses_362.csv`` (common zip codes) and ``images``, four a house.

    References:
        Ahmed and Moustafa, House Price Estimation from Visual and Textual Features, 2016,
        arXiv:1609.08399
    """
    file = _find(source, HOUSES)
    table = pd.read_csv(file, sep=r"\s+", header=None, dtype=str)
    if table.shape[1] != len(CELLS) or table.isna().any(axis=None):
        raise UserError(f"{HOUSES}: not {len(CELLS)} cells in each line: fetch it again")
    table.columns = pd.Index(CELLS)
    table.insert(0, "house", range(1, len(table) + 1))
    (folder / "images").mkdir()
    for room in ROOMS:
        table[room] = [f"images/{k}_{room}.jpg" for k in table["house"]]
        for photo in table[room]:
            if not (found := file.with_name(Path(photo).name)).is_file():
                raise UserError(f"{HOUSES}: lacks {found.name} beside it: fetch it again")
            copyfile(found, folder / photo)
    table["price"] = table.pop("price")  # the last column is what is predicted
    common = table[table.groupby("zipcode")["house"].transform("size") >= COMMON]
    # The smaller one is named after its number of houses in the published set.
    for name, part in (("houses.csv", table), ("houses_362.csv", common)):
        part.to_csv(folder / name, index=False, lineterminator="\n")
    return f"houses.csv {len(table)} rows, houses_362.csv {len(common)}, prices in dollars"


def water(source: Path, folder: Path, client: str | None = None) -> str:
    """``water_potability.csv``, unchanged."""
    copyfile(_find(source, WATER), folder / WATER)
    return f"{WATER} {len(pd.read_csv(folder / WATER)):,} rows"


def clouds(source: Path, folder: Path, client: str | None = None) -> str:
    """A folder a class, in ``clouds_train`` and ``clouds_test`` where the set has these folders.

    The competition's own has labels for its training photos alone: ``train.csv``, with columns
    ``id`` and ``label``.
    """
    photos = [path for path in _files(source) if path.suffix.lower() in PHOTOS]
    places = {path: path.parts[-3:] for path in photos if path.parts[-3] in CLOUDS}
    if not places:
        table = pd.read_csv(_find(source, "train.csv"), dtype=str, keep_default_na=False)
        if not {"id", "label"} <= set(table):
            raise UserError("train.csv has no columns id and label")
        stems = (Path(name).stem for name in table["id"])
        label_of = dict(zip(stems, table["label"].str.replace("/", " "), strict=True))
        places = {p: (label_of[p.stem], p.name) for p in photos if p.stem in label_of}
    for path, place in places.items():
        folder.joinpath(*place).parent.mkdir(parents=True, exist_ok=True)
        copyfile(path, folder.joinpath(*place))
    return f"{len(places):,} photos, {len({place[-2] for place in places.values()})} classes"


def _files(source: Path) -> list[Path]:
    """All files in order, without those that macOS adds."""
    return [p for p in sorted(source.rglob("*")) if p.is_file() and "__MACOSX" not in p.parts]


def _find(source: Path, name: str) -> Path:
    """The file of this name, in any folder."""
    for path in _files(source):
        if path.name == name:
            return path
    raise UserError(f"no {name} there; is it the archive of this set?")


UCI = "https://archive.ics.uci.edu/static/public/321/electricityloaddiagrams20112014.zip"
GITHUB = "https://github.com/emanhamed/Houses-dataset/archive/HEAD.zip"
SETS: dict[str, tuple[str, LayOut]] = {
    "timeseries": (UCI, electricity),
    "prices": (GITHUB, houses),
    "potability": ("datasets/adityakadiwal/water-potability", water),
    "clouds": ("competitions/cloud-type-classification2", clouds),
}
"""For each task, the address of its set, or its name at Kaggle, and how it is laid out."""
