"""What is laid out is what the data modules read."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.series.read import read_series
from kindling.tables.read import read_table
from kindling.tools.fetch import layouts
from kindling.tools.fetch.layouts import ROOMS


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


@pytest.mark.parametrize("client", ["MT_001", "MT_002", None])
def test_electricity(power: Path, tmp_path: Path, client: str | None) -> None:
    message = layouts.electricity(power, tmp_path, client)
    train, test = (
        pd.read_csv(tmp_path / f"electricity_{k}.csv", dtype=str) for k in ("train", "test")
    )
    columns = ["MT_001", "MT_002"] if client is None else ["consumption"]
    assert list(train.columns) == list(test.columns) == ["timestamp", *columns]
    if client == "MT_001":
        assert train["consumption"].iloc[:3].tolist() == ["0.005", "1.015", "2.025"]
    assert set(train["timestamp"].str[:4]) == {"2012", "2013"}
    assert set(test["timestamp"].str[:4]) == {"2014"}, "2015 is left out"
    assert f"electricity_train.csv {len(train)} rows" in message
    assert ("the first 10 rows are 0" in message) == (client == "MT_002")
    series = read_series(tmp_path / "electricity_test.csv", value=columns[-1])
    assert len(series) == len(test)


def test_a_client_that_there_is_not(power: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no client MT_003; did you mean MT_00"):
        layouts.electricity(power, tmp_path, "MT_003")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"";"MT_001"\n"2012-01-01 00:15:00";x\n', "a cell is no number"),
        ('"";"MT_001"\n"2012-01-01 00:15:00"\n', "a cell is no number"),
        ('"";"MT_001"\n"2012-01-01 00:15:00";1\n', "lacks the years"),
        ("", "no client MT_001"),
    ],
)
def test_a_table_that_is_not_right(zipped: Any, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        layouts.electricity(zipped({"LD2011_2014.txt": text}), tmp_path, "MT_001")


def repository(rows: list[str]) -> dict[str, str | bytes]:
    above = "Houses-dataset-HEAD/Houses Dataset"
    photos = {f"{above}/{k}_{r}.jpg": b"jpg" for k in range(1, len(rows) + 1) for r in ROOMS}
    return {f"{above}/HousesInfo.txt": "\n".join(rows) + "\n", **photos}


def test_houses(zipped: Any, tmp_path: Path) -> None:
    # As published, two blanks stand before some prices.
    rows = ["4 4 4053 85255 869500", *["3 2.5 1808 96019  219800"] * 25]
    message = layouts.houses(zipped(repository(rows)), tmp_path)
    assert message.startswith("houses.csv 26 rows, houses_362.csv 25")
    table = read_table(tmp_path / "houses.csv")
    assert list(table.iloc[1]) == [
        "2", "3", "2.5", "1808", "96019", "images/2_frontal.jpg", "images/2_bedroom.jpg",
        "images/2_kitchen.jpg", "images/2_bathroom.jpg", "219800",
    ]  # fmt: skip
    assert len(list((tmp_path / "images").iterdir())) == 4 * 26
    assert read_table(tmp_path / "houses_362.csv")["house"].iloc[0] == "2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.pop(next(n for n in f if n.endswith("2_kitchen.jpg"))), "lacks 2_kitchen.jpg"),
        (lambda f: f.pop(next(n for n in f if n.endswith(".txt"))), "holds no HousesInfo.txt"),
        (lambda f: f.update({next(iter(f)): "1 2 3\n"}), "line 1: 3 cells, not 5"),
    ],
)
def test_houses_that_are_not_whole(zipped: Any, tmp_path: Path, change: Any, message: str) -> None:
    files = repository(["4 4 4053 85255 869500"] * 2)
    change(files)
    with pytest.raises(UserError, match=message):
        layouts.houses(zipped(files), tmp_path)


def test_water(zipped: Any, tmp_path: Path) -> None:
    message = layouts.water(zipped({"water_potability.csv": "ph,Potability\n,0\n7,1\n"}), tmp_path)
    assert message == "water_potability.csv 2 rows"
    assert (tmp_path / "water_potability.csv").read_text() == "ph,Potability\n,0\n7,1\n"
    with pytest.raises(UserError, match=r"holds no water_potability\.csv"):
        layouts.water(zipped({"x.csv": ""}), tmp_path)


def test_clouds_in_folders(zipped: Any, tmp_path: Path) -> None:
    names = [f"a/{part}/{kind}/{k}.jpg" for part in layouts.CLOUDS for kind in "xy" for k in (1, 2)]
    message = layouts.clouds(zipped(dict.fromkeys(names, "jpg")), tmp_path)
    assert message == "clouds_train 4 photos, clouds_test 4 photos, 2 classes"
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.jpg")}
    assert found == {name.removeprefix("a/") for name in names}


def test_clouds_with_labels_in_a_table(zipped: Any, tmp_path: Path) -> None:
    photos = {f"images/train/{k}.jpg": "jpg" for k in range(11)} | {"images/test/t.jpg": "jpg"}
    labels = "id,label\n" + "".join(f"{k}.jpg,{'fog' if k < 6 else 'sun'}\n" for k in range(11))
    archive = zipped({**photos, "train.csv": labels})
    message = layouts.clouds(archive, tmp_path / "a")
    assert message == "clouds_train 6 photos, clouds_test 5 photos, 2 classes"
    layouts.clouds(archive, tmp_path / "b")
    first, second = (
        sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*.jpg")) for n in "ab"
    )
    assert first == second, "the same cut each time"
    assert len(list((tmp_path / "a" / "clouds_test" / "fog").iterdir())) == 3


def test_clouds_of_neither_kind(zipped: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither photos in clouds_train"):
        layouts.clouds(zipped({"x/1.jpg": "jpg"}), tmp_path)
