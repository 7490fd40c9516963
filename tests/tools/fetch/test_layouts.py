"""What is laid out is what the data modules read."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.series.read import read_series
from kindling.tables.read import numeric, read_table
from kindling.tools.fetch import electricity, houses, kaggle
from kindling.tools.fetch.houses import ROOMS


def electricity_text(times: pd.DatetimeIndex) -> str:
    """As the published file is written: quoted times, semicolons, decimal commas."""
    lines = ['"";"MT_001";"MT_002"']
    for k, time in enumerate(times):
        lines.append(f'"{time}";{k % 7},{k % 100:02d}5;{0 if k < 10 else k}')
    return "\n".join(lines) + "\n"


@pytest.fixture
def power(zipped: Any) -> Path:
    """The last and the first two days of each year, and the row of 2015."""
    turns = [
        pd.date_range(f"{y}-12-30 00:15", f"{y + 1}-01-02", freq="15min") for y in (2012, 2013)
    ]
    times = turns[0].append(turns[1]).append(pd.DatetimeIndex(["2015-01-01 00:00:00"]))
    path: Path = zipped(
        {"LD2011_2014.txt": electricity_text(times), "__MACOSX/._LD2011_2014.txt": ""}
    )
    return path


def test_a_client(power: Path, tmp_path: Path) -> None:
    said = electricity.lay_out(power, tmp_path, "MT_001")
    train = pd.read_csv(tmp_path / "electricity_train.csv", parse_dates=["timestamp"])
    test = pd.read_csv(tmp_path / "electricity_test.csv", parse_dates=["timestamp"])
    assert list(train.columns) == list(test.columns) == ["timestamp", "consumption"]
    assert train["consumption"].iloc[:3].tolist() == [0.005, 1.015, 2.025]
    assert set(train["timestamp"].dt.year) == {2012, 2013}
    assert set(test["timestamp"].dt.year) == {2014}, "2015 is left out"
    assert f"electricity_train.csv {len(train)} rows" in said
    series = read_series(tmp_path / "electricity_test.csv", value="consumption")
    assert len(series) == len(test)


def test_a_client_that_came_later(power: Path, tmp_path: Path) -> None:
    said = electricity.lay_out(power, tmp_path, "MT_002")
    assert "the first 10 rows are 0" in said


def test_all_clients_each_by_its_name(power: Path, tmp_path: Path) -> None:
    electricity.lay_out(power, tmp_path, None)
    test = pd.read_csv(tmp_path / "electricity_test.csv")
    assert list(test.columns) == ["timestamp", "MT_001", "MT_002"]
    series = read_series(tmp_path / "electricity_test.csv", value="MT_002")
    assert len(series) == len(test)


def test_a_client_that_there_is_not(power: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no client MT_003; did you mean MT_00"):
        electricity.lay_out(power, tmp_path, "MT_003")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"";"MT_001"\n"2012-01-01 00:15:00";x\n', "a cell is no number"),
        ('"";"MT_001"\n"2012-01-01 00:15:00"\n', "a cell is no number"),
        ('"";"MT_001"\n"2012-01-01 00:15:00";1\n', "lacks the years"),
        ("", "no client MT_001"),
    ],
)
def test_a_table_that_is_not_right(zipped: Any, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        electricity.lay_out(zipped({"LD2011_2014.txt": text}), tmp_path, "MT_001")


def repository(rows: list[str]) -> dict[str, str | bytes]:
    above = "Houses-dataset-HEAD/Houses Dataset"
    photos = {f"{above}/{k}_{r}.jpg": b"jpg" for k in range(1, len(rows) + 1) for r in ROOMS}
    return {f"{above}/HousesInfo.txt": "\n".join(rows) + "\n", **photos}


def test_houses(zipped: Any, tmp_path: Path) -> None:
    # As published, two blanks stand before some prices.
    rows = ["4 4 4053 85255 869500", *["3 2.5 1808 96019  219800"] * 25]
    said = houses.lay_out(zipped(repository(rows)), tmp_path)
    assert said.startswith("houses.csv 26 rows, houses_362.csv 25")
    table = read_table(tmp_path / "houses.csv")
    assert list(table.iloc[1]) == [
        "2", "3", "2.5", "1808", "96019", "images/2_frontal.jpg", "images/2_bedroom.jpg",
        "images/2_kitchen.jpg", "images/2_bathroom.jpg", "219800",
    ]  # fmt: skip
    assert len(list((tmp_path / "images").iterdir())) == 4 * 26
    assert read_table(tmp_path / "houses_362.csv")["house"].iloc[0] == "2"


def test_houses_as_they_really_are(real: Path, zipped: Any, tmp_path: Path) -> None:
    there = pd.read_csv(real / "houses" / "houses.csv", dtype=str)
    columns = ["bedrooms", "bathrooms", "area", "zipcode", "price"]
    rows = [" ".join(row) for row in there[columns].itertuples(index=False)]
    houses.lay_out(zipped(repository(rows)), tmp_path)
    for name in ("houses.csv", "houses_362.csv"):
        ours, theirs = read_table(tmp_path / name), read_table(real / "houses" / name)
        assert list(ours.columns) == list(theirs.columns)
        path = tmp_path / name
        numbers = [*columns, "house"]
        assert (numeric(ours, numbers, path) == numeric(theirs, numbers, path)).all()
        assert ours["frontal"].tolist() == theirs["frontal"].tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.pop(next(n for n in f if n.endswith("2_kitchen.jpg"))), "lacks 2_kitchen.jpg"),
        (lambda f: f.pop(next(n for n in f if n.endswith(".txt"))), "holds no HousesInfo.txt"),
        (lambda f: f.update({next(iter(f)): "1 2 3\n"}), "line 1: 3 cells, not 5"),
    ],
)
def test_houses_that_are_not_whole(zipped: Any, tmp_path: Path, change: Any, said: str) -> None:
    files = repository(["4 4 4053 85255 869500"] * 2)
    change(files)
    with pytest.raises(UserError, match=said):
        houses.lay_out(zipped(files), tmp_path)


def test_water(zipped: Any, tmp_path: Path) -> None:
    said = kaggle.lay_out_water(
        zipped({"water_potability.csv": "ph,Potability\n,0\n7,1\n"}), tmp_path
    )
    assert said == "water_potability.csv 2 rows"
    assert (tmp_path / "water_potability.csv").read_text() == "ph,Potability\n,0\n7,1\n"
    with pytest.raises(UserError, match=r"holds no water_potability\.csv"):
        kaggle.lay_out_water(zipped({"x.csv": ""}), tmp_path)


def test_clouds_in_folders(zipped: Any, tmp_path: Path) -> None:
    names = [f"a/{part}/{kind}/{k}.jpg" for part in kaggle.CLOUDS for kind in "xy" for k in (1, 2)]
    said = kaggle.lay_out_clouds(zipped(dict.fromkeys(names, "jpg")), tmp_path)
    assert said == "clouds_train 4 photos, clouds_test 4 photos, 2 classes"
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.jpg")}
    assert found == {name.removeprefix("a/") for name in names}


def test_clouds_with_labels_in_a_table(zipped: Any, tmp_path: Path) -> None:
    photos = {f"images/train/{k}.jpg": "jpg" for k in range(11)} | {"images/test/t.jpg": "jpg"}
    labels = "id,label\n" + "".join(f"{k}.jpg,{'fog' if k < 6 else 'sun'}\n" for k in range(11))
    archive = zipped({**photos, "train.csv": labels})
    said = kaggle.lay_out_clouds(archive, tmp_path / "a")
    assert said == "clouds_train 6 photos, clouds_test 5 photos, 2 classes"
    kaggle.lay_out_clouds(archive, tmp_path / "b")
    first, second = (
        sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*.jpg")) for n in "ab"
    )
    assert first == second, "the same cut each time"
    assert len(list((tmp_path / "a" / "clouds_test" / "fog").iterdir())) == 3


def test_clouds_of_neither_kind(zipped: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither photos in clouds_train"):
        kaggle.lay_out_clouds(zipped({"x/1.jpg": "jpg"}), tmp_path)
