"""Names of any kind: of files, of classes, of columns."""

import os
from pathlib import Path

import pytest

from tests.engine.hard_input.kinds import (
    TABLES,
    Refused,
    as_text,
    files_predicted,
    read_rows,
    run_of,
    train,
)
from tests.engine.toy import write_photo

ODD = ("a b.png", "it's.png", 'a "b".png', "небо 空.png", "a\nb.png", "$x^{$.png", "a,b;c.png")


@pytest.mark.parametrize("kind", ["photos"])
def test_photos_and_classes_of_any_name(kind: str, root: Path) -> None:
    odd, latin = "небо\n空 '\"$x^{$", os.fsdecode(b"\xff.png")
    for split in ("train", "test"):
        (root / split / "blue").rename(root / split / odd)
        for number, name in enumerate([*ODD, latin]):
            write_photo(root / split / "grey" / name, (9, 9, 9), [len(split), number, 7])
    assert train(kind, root, "--trainer.limit_test_batches=1.0", command="train") == 0
    rows = run_of(root).table("predictions")
    assert {row["class"] for row in rows} == {odd, "grey", "white"}
    assert {f"test/grey/{name}" for name in (*ODD, latin)} <= {row["file"] for row in rows}
    predicted = files_predicted(root, root / "test")
    assert {f"grey/{name}" for name in (*ODD, latin)} <= predicted


@pytest.mark.parametrize("kind", ["photos"])
def test_a_class_that_is_no_text_is_refused(root: Path, refused: Refused) -> None:
    for split in ("train", "test"):
        (root / split / "blue").rename(root / split / os.fsdecode(b"\xff"))
    assert "its name is not UTF-8; rename the folder" in refused()


@pytest.mark.parametrize("kind", ["listed"])
def test_listed_photos_and_categories_of_any_name(kind: str, root: Path) -> None:
    rows, places = read_rows(root), {"a": "небо\n空", "b": '"$x^{$, ;'}
    for row in rows[1:]:
        row[1] = places[row[1]]
    for row, name in zip(rows[1:], ODD, strict=False):
        (root / row[2]).rename(root / "p" / name)
        row[2] = f"p/{name}"
    (root / "toy.csv").write_text(as_text(rows))
    assert train(kind, root, "--data.ignore=[place]", command="train") == 0
    assert {row["place"] for row in run_of(root).table("predictions")} == set(places.values())


@pytest.mark.parametrize("kind", TABLES)
def test_columns_of_any_name(kind: str, root: Path) -> None:
    rows = read_rows(root)
    rows[0] = ["ti\nme", 'va"$^{$ 空', "it's, or; not", "$x^{$"][: len(rows[0])]
    target = rows[0][-1]
    (root / "toy.csv").write_text(as_text(rows))
    named = [f"--data.time={rows[0][0]}", f"--data.value={target}"]
    flags = named if kind == "series" else [f"--data.target={target}"]
    assert train(kind, root, *flags, command="train") == 0
    tested = run_of(root).table("predictions")
    assert target in tested[0]
    assert kind != "series" or rows[0][0] in tested[0]


@pytest.mark.parametrize("name", ["row", "prediction", "probability_1"])
def test_a_target_that_is_called_as_what_is_predicted(name: str, root: Path) -> None:
    rows = read_rows(root)
    rows[0][3] = name
    (root / "toy.csv").write_text(as_text(rows))
    assert train("table", root, f"--data.target={name}", command="train") == 0
    for row in run_of(root).table("predictions"):
        assert row[f"{name}_target"] == rows[int(row["row"]) - 1][3]
        assert 0 <= float(row["probability_1"]) <= 1
        assert row["prediction"] in "01"
