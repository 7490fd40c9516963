"""Names of any kind: of files, of classes, of columns."""

import os
from pathlib import Path

import pytest

from tests.engine.hard_input.small import (
    Refused,
    files_predicted,
    photo,
    quick,
    rows_of,
    run_of,
    table_of,
    train,
    write_table,
)

ODD = ("a b.png", "it's.png", 'a "b".png', "небо 空.png", "a\nb.png", "$x^{$.png", "a,b;c.png")


@pytest.mark.parametrize("task", ["clouds"])
def test_photos_and_classes_of_any_name(task: str, root: Path) -> None:
    kind, latin = "небо\n空 '\"$x^{$", os.fsdecode(b"\xff.png")
    for split in ("clouds_train", "clouds_test"):
        (root / split / "fog").rename(root / split / kind)
        for number, name in enumerate([*ODD, latin]):
            photo(root / split / "sun" / name, 100 * len(split) + number)
    assert train(task, root) == 0
    rows = table_of(run_of(task, root) / "predictions.csv")
    assert {row["class"] for row in rows} == {kind, "sun"}
    assert {f"clouds_test/sun/{name}" for name in (*ODD, latin)} <= {row["file"] for row in rows}
    assert {f"sun/{name}" for name in (*ODD, latin)} <= files_predicted(
        task, root, root / "clouds_test"
    )


@pytest.mark.parametrize("task", ["clouds"])
def test_a_class_that_is_no_text_is_refused(task: str, root: Path, refused: Refused) -> None:
    for split in ("clouds_train", "clouds_test"):
        (root / split / "fog").rename(root / split / os.fsdecode(b"\xff"))
    assert "its name is not UTF-8; rename the folder" in refused(task, root)


@pytest.mark.parametrize("task", ["faces"])
def test_people_and_their_photos_of_any_name(task: str, root: Path) -> None:
    people = {"X": "небо\n空", "Y": '"$x^{$', "Z": "a,b; c"}
    rows = [[row[0], people.get(row[1], row[1]), row[2]] for row in rows_of(task)]
    for number, name in enumerate(ODD):
        (root / rows[number + 1][0]).rename(root / "p" / name)
        rows[number + 1][0] = f"p/{name}"
    write_table(task, root, rows)
    assert train(task, root) == 0
    tested = table_of(run_of(task, root) / "predictions.csv")
    assert {row["identity"] for row in tested} == set(people.values())
    assert {row["file"] for row in tested} <= {row[0] for row in rows}
    assert files_predicted(task, root, root / "p") == {Path(row[0]).name for row in rows[1:]}


@pytest.mark.parametrize("task", quick(["potability", "timeseries", "prices"], ["potability"]))
def test_columns_of_any_name(task: str, root: Path) -> None:
    names = ("ti\nme", 'va"$^{$ 空', "it's, or; not", "$x^{$")
    rows = rows_of(task)
    rows[0] = list(names[: len(rows[0])])
    target = rows[0][-1]
    write_table(task, root, rows)
    flags = [f"--data.time={names[0]}", f"--data.value={target}"]
    assert train(task, root, *(flags if task == "timeseries" else [f"--data.target={target}"])) == 0
    tested = table_of(run_of(task, root) / "predictions.csv")
    assert target in tested[0]
    assert task != "timeseries" or names[0] in tested[0]


@pytest.mark.parametrize("task", ["potability"])
@pytest.mark.parametrize("name", ["row", "prediction", "probability_1"])
def test_a_target_that_is_called_as_what_is_predicted(task: str, name: str, root: Path) -> None:
    rows = rows_of(task)
    rows[0][2] = name
    write_table(task, root, rows)
    assert train(task, root, f"--data.target={name}") == 0
    for row in table_of(run_of(task, root) / "predictions.csv"):
        assert row[f"{name}_target"] == rows[int(row["row"]) - 1][2]
        assert 0 <= float(row["probability_1"]) <= 1
        assert row["prediction"] in "01"
