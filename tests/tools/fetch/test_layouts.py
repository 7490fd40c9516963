"""What is laid out is what the data modules read."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kindling.series.read import read_series
from kindling.tables.read import read_table

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
    assert fetch("--task=houses", f"--archive={zipped(repository(rows))}") == 0
    table = read_table(data / "prices" / "houses.csv")
    assert len(table) == 26
    assert list(table.iloc[1]) == [
        "2", "3", "2.5", "1808", "96019", "images/2_frontal.jpg", "images/2_bedroom.jpg",
        "images/2_kitchen.jpg", "images/2_bathroom.jpg", "219800",
    ]  # fmt: skip
    assert len(list((data / "prices" / "images").iterdir())) == 4 * 26
    smaller = read_table(data / "prices" / "houses_362.csv")["house"]
    assert (len(smaller), smaller.iloc[0]) == (25, "2")


def test_clouds_in_folders(zipped: Any, data: Path, fetch: Any) -> None:
    folders = [f"{part}/{kind}" for part in ("clouds_train", "clouds_test") for kind in "xy"]
    names = [f"{folder}/{k}.jpg" for folder in folders for k in (1, 2)]
    archive = zipped({f"a/{name}": "jpg" for name in names})
    assert fetch("--task=clouds", f"--archive={archive}") == 0
    found = {p.relative_to(data / "clouds").as_posix() for p in data.rglob("*.jpg")}
    assert found == {*names}


def test_clouds_with_labels_in_a_table(zipped: Any, data: Path, fetch: Any) -> None:
    photos = {f"images/train/{k}.jpg": "jpg" for k in range(11)} | {"images/test/t.jpg": "jpg"}
    labels = "id,label\n" + "".join(f"{k}.jpg,{'fog' if k < 6 else 'sun'}\n" for k in range(11))
    archive = zipped({**photos, "train.csv": labels})
    for name in "ab":
        assert fetch("--task=clouds", f"--archive={archive}", f"--folder={data / name}") == 0
    first, second = (
        sorted(p.relative_to(data / n) for p in (data / n).rglob("*.jpg")) for n in "ab"
    )
    assert first == second, "the same cut each time"
    assert [len(list((data / "a" / f"clouds_{k}").rglob("*.jpg"))) for k in ("train", "test")] == [
        6,
        5,
    ]
    assert len(list((data / "a" / "clouds_test" / "fog").iterdir())) == 3


def power(text: str) -> dict[str, str | bytes]:
    return {"LD2011_2014.txt": text}


def without(part: str) -> dict[str, str | bytes]:
    files = repository(["4 4 4053 85255 869500"] * 2)
    return {name: text for name, text in files.items() if part not in name}


@pytest.mark.parametrize(
    ("task", "files", "message"),
    [
        ("timeseries", power('"";"MT_001"\n"2012-01-01 00:15:00";x\n'), "Unable to parse"),
        ("timeseries", power('"";"MT_001"\n"2012-01-01 00:15:00"\n'), "a cell is empty"),
        ("timeseries", power('"";"MT_001"\n"2012-01-01 00:15:00";1\n'), "lacks the years"),
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
    task: str, files: dict[str, str | bytes], message: str, zipped: Any, data: Path, fetch: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert fetch(f"--task={task}", f"--archive={zipped(files)}", "--client=MT_001") == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not [path for path in data.rglob("*") if path.is_file()]
