"""What is laid out is what the data modules read."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kindling.tables.read import read_table
from tests.engine.series.reading import read_series

ROOMS = ("frontal", "bedroom", "kitchen", "bathroom")


def electricity_text(times: pd.DatetimeIndex) -> str:
    """As the published file is written: quoted times, semicolons, decimal commas."""
    lines = ['"";"MT_001";"MT_002"']
    for k, time in enumerate(times):
        lines.append(f'"{time}";{k % 7},{k % 100:02d}5;{0 if k < 10 else k}')
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("client", ["MT_001", None])
def test_electricity(zipped: Any, data: Path, fetch: Any, client: str | None) -> None:
    """The last and the first days of two years, and the row of 2015."""
    ends = [(f"{y}-12-30 00:15", f"{y + 1}-01-02") for y in (2012, 2013)]
    ranges = [pd.date_range(*end, freq="15min") for end in ends]
    times = ranges[0].append([ranges[1], pd.DatetimeIndex(["2015-01-01 00:00:00"])])
    archive = zipped({"LD2011_2014.txt": electricity_text(times), "__MACOSX/._LD2011_2014.txt": ""})
    which = "--all" if client is None else f"--client={client}"
    assert fetch("--task=timeseries", f"--archive={archive}", which) == 0
    paths = [data / "timeseries" / f"electricity_{k}.csv" for k in ("train", "test")]
    train, test = (pd.read_csv(path, dtype=str) for path in paths)
    columns = ["MT_001", "MT_002"] if client is None else ["consumption"]
    assert list(train.columns) == list(test.columns) == ["timestamp", *columns]
    assert train[columns[0]].iloc[:3].tolist() == ["0.005", "1.015", "2.025"]
    assert set(train["timestamp"].str[:4]) == {"2012", "2013"}
    assert set(test["timestamp"].str[:4]) == {"2014"}, "2015 is left out"
    assert len(read_series(paths[1], value=columns[-1])) == len(test)


def repository(rows: list[str]) -> dict[str, str | bytes]:
    above = "Houses-dataset-HEAD/Houses Dataset"
    photos = {f"{above}/{k}_{r}.jpg": b"jpg" for k in range(1, len(rows) + 1) for r in ROOMS}
    return {f"{above}/HousesInfo.txt": "\n".join(rows) + "\n", **photos}


def test_houses(zipped: Any, data: Path, fetch: Any) -> None:
    # As published, two blanks stand before some prices.
    rows = ["4 4 4053 85255 869500", *["3 2.5 1808 96019  219800"] * 25]
    assert fetch("--task=prices", f"--archive={zipped(repository(rows))}") == 0
    table = read_table(data / "prices" / "houses.csv")
    assert len(table) == 26
    assert list(table.iloc[1]) == [
        "2", "3", "2.5", "1808", "96019", "images/2_frontal.jpg", "images/2_bedroom.jpg",
        "images/2_kitchen.jpg", "images/2_bathroom.jpg", "219800",
    ]  # fmt: skip
    assert len(list((data / "prices" / "images").iterdir())) == 4 * 26
    smaller = read_table(data / "prices" / "houses_362.csv")["house"]
    assert (len(smaller), smaller.iloc[0]) == (25, "2")


CLOUDS = ["clouds_train/x", "clouds_train/y", "clouds_test/x", "clouds_test/y"]
LABELS = "id,label\n1.jpg,fog\n2.jpg,fog\n3.jpg,sun\n"


@pytest.mark.parametrize(
    ("names", "labels", "expected"),
    [
        ([f"a/{name}/1.jpg" for name in CLOUDS], "", [f"{name}/1.jpg" for name in CLOUDS]),
        (
            [*(f"images/train/{k}.jpg" for k in (1, 2, 3)), "images/test/4.jpg"],
            LABELS,
            ["fog/1.jpg", "fog/2.jpg", "sun/3.jpg"],
        ),
    ],
)
def test_clouds(
    zipped: Any, data: Path, fetch: Any, names: list[str], labels: str, expected: list[str]
) -> None:
    archive = zipped({**dict.fromkeys(names, "jpg"), "train.csv": labels})
    assert fetch("--task=clouds", f"--archive={archive}") == 0
    found = [path.relative_to(data / "clouds").as_posix() for path in data.rglob("*.jpg")]
    assert sorted(found) == sorted(expected)


def power(text: str) -> dict[str, str | bytes]:
    return {"LD2011_2014.txt": text}


def without(part: str) -> dict[str, str | bytes]:
    files = repository(["4 4 4053 85255 869500"] * 2)
    return {name: text for name, text in files.items() if part not in name}


@pytest.mark.parametrize(
    ("task", "files", "message"),
    [
        (
            "timeseries",
            power('"";"MT_001"\n"2012-01-01 00:15:00";x\n'),
            "could not convert string to float",
        ),
        ("timeseries", power('"";"MT_001"\n"2012-01-01 00:15:00"\n'), "lacks cells"),
        (
            "timeseries",
            power('"";"MT_001"\n"2012-01-01 00:15:00";1\n'),
            "or the years",
        ),
        ("timeseries", power('"";"MT_003"\n'), "no client MT_001; did you mean MT_003"),
        ("timeseries", power(""), "LD2011_2014.txt: No columns"),
        ("prices", without("2_kitchen.jpg"), "lacks 2_kitchen.jpg"),
        ("prices", without(".txt"), "no HousesInfo.txt there"),
        ("prices", {"HousesInfo.txt": "1 2 3\n"}, "not 5 cells in each line"),
        ("potability", {"x.csv": ""}, "no water_potability.csv there"),
        ("clouds", {"x/1.jpg": "jpg"}, "no train.csv there"),
    ],
)
def test_a_set_that_is_not_right(
    task: str, files: dict[str, str | bytes], message: str, zipped: Any, refuse: Any
) -> None:
    assert message in refuse(f"--task={task}", f"--archive={zipped(files)}", "--client=MT_001")
