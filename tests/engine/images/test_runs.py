"""A run on photos, from folders with names of all kinds to predictions of what can be read."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kindling.__main__ import main
from tests.engine.toy import (
    LISTED,
    PHOTOS,
    QUIET,
    Train,
    write_listed,
    write_photo,
    write_photos,
)


def test_what_is_predicted_and_scored_after_training(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_photos(tmp_path / "photos")
    run = train(*PHOTOS, f"--data.root={root}").folder
    capsys.readouterr()

    def predict(given: Path) -> tuple[int, str]:
        status = main(["predict", f"--run={run}", f"--data.input={given}", QUIET])
        return status, capsys.readouterr().err

    # Two folders of one name: neither overwrites what was predicted of the other.
    for k, above in enumerate(("a", "b")):
        shutil.copytree(root / "test" / "blue", tmp_path / above / "new")
        write_photo(tmp_path / above / "new" / f"{above}.png", (9, 9, 9), k)
        assert predict(tmp_path / above / "new")[0] == 0
    files = [run / "predictions" / name for name in ("new.csv", "new-2.csv")]
    assert [pd.read_csv(file)["file"].iloc[-1] for file in files] == ["a.png", "b.png"]
    assert predict(tmp_path / "a" / "new")[0] == 0
    assert not (run / "predictions" / "new-3.csv").exists()
    # One that is broken is named, beside the others.
    (tmp_path / "a" / "new" / "0.png").write_bytes(b"no photo")
    status, error = predict(tmp_path / "a" / "new")
    assert status == 3
    assert error.startswith("kindling: 1 not predicted, see the column error (0.png, not an image")
    table = pd.read_csv(files[0]).set_index("file")
    assert len(table) == 4
    assert table["error"].notna().to_dict() == {k: k == "0.png" for k in table.index}
    assert table["prediction"].isna().equals(table["error"].notna())
    for file in (tmp_path / "a" / "new").iterdir():
        file.write_bytes(b"")
    assert predict(tmp_path / "a" / "new")[0] == 2
    # A folder of class folders alone is scored whole.
    other = shutil.copytree(root / "train", tmp_path / "labelled")
    assert main(["test", f"--run={run}", f"--data.root={other}", QUIET]) == 2
    assert "the run was trained on all of these photos" in capsys.readouterr().err
    # Behind its end a PNG may hold anything.
    new = [file for file in sorted(other.rglob("*.png")) if file.name != "0.png"]
    for file in new:
        file.write_bytes(file.read_bytes() + b"new")
    assert main(["test", f"--run={run}", f"--data.root={other}", QUIET]) == 0
    captured = capsys.readouterr()
    assert f"test split, {len(new)} samples" in captured.out
    assert "were trained on, left out: " in captured.out + captured.err


def test_a_folder_that_was_cut_is_not_scored_whole(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most of it is what the run was trained on."""
    root = write_photos(tmp_path / "photos") / "train"
    run = train(*PHOTOS, f"--data.root={root}").folder
    assert len(pd.read_csv(run / "predictions.csv")) == 6
    whole = ["--data.train=null", "--data.test=."]
    assert main(["test", f"--run={run}", *whole, QUIET]) == 2
    assert "the run was trained with auto; leave it out" in capsys.readouterr().err


def test_rows_whose_photo_is_bad_are_left_out_or_named(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_listed(tmp_path / "listed")
    (root / "p" / "3.png").write_bytes(b"no photo")
    flags: list[Any] = [*LISTED, f"--data.root={root}"]
    run = train(*flags, "--data.bad_files=skip")
    assert "left out: " in (said := capsys.readouterr()).err + said.out
    assert sum(run.json("provenance")["data"]["samples"].values()) == 23
    (root / "p" / "5.png").unlink()
    given = f"--data.input={root / 'toy.csv'}"
    assert main(["predict", f"--run={run.folder}", given, QUIET]) == 3
    table = pd.read_csv(run.folder / "predictions" / "toy.csv").set_index("row")
    assert len(table) == 24
    assert table["error"].dropna().to_dict() == {
        5: "not an image that Pillow reads; replace or remove it",
        7: "no such image file; check the path",
    }
