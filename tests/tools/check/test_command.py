"""The command over whole data sets: what it prints, and how it ends."""

from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths
from kindling.data.datamodule import DataModule
from kindling.data.sources import of_files
from tests.engine import toy
from tests.tools.check.conftest import Check

SLOW = {"clouds", "faces"}
TASKS = arguments.names(paths.CONFIGS)


@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=pytest.mark.slow if t in SLOW else []) for t in TASKS]
)
def test_the_sample_is_sound(task: str, check: Check, tmp_path: Path) -> None:
    checked = check(task)
    assert checked.status == 0, checked.err
    assert checked.lines("stop") == checked.lines("warn") == []
    report = checked.out[checked.out.index("data    ") :]
    assert "the generated sample\nsamples      train " in report
    assert "\nfound        0 stop, 0 warn, " in report
    assert report.endswith(": training would start\n")
    assert max(map(len, report.splitlines())) <= 80
    assert not (tmp_path / "logs").exists()


def test_several_faults_at_once_and_the_words_of_training(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = toy.write_table(tmp_path) / "toy.csv"
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    rows[3][0], rows[4][1] = "lots", "none of it"
    lines = [",".join([*row, "7.5", f"{k}.25"]) for k, row in enumerate(rows)]
    path.write_text("\n".join([",".join([*header, "same", "stamp"]), *lines, ""]))
    flags = (*toy.TABLE, f"--data.root={tmp_path}", "--data.numbers=[a, b, same, stamp]")
    checked = check("smoke", *flags)
    assert checked.status == 2
    assert main(["fit", *flags]) == 2
    assert checked.err == capsys.readouterr().err
    first, second = checked.lines("stop")
    assert "row 5, column 'a': 'lots' is not a number" in first
    assert "row 6, column 'b': 'none of it' is not a number" in second
    assert "warn same: the same value everywhere, 7.5" in checked.lines("warn")
    assert any(line.startswith("warn stamp: names or counts") for line in checked.lines("warn"))
    assert "training would be refused" in checked.out


def test_every_unreadable_photo_is_named(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = toy.write_photos(tmp_path) / "train"
    broken = [train / kind / f"{k}.png" for kind in ("blue", "grey") for k in range(4)]
    for path in broken:
        path.write_bytes(b"no picture")
    flags = (*toy.PHOTOS, f"--data.root={tmp_path}")
    checked = check("smoke", *flags)
    assert checked.status == 2
    [stop] = checked.lines("stop")
    assert "photos that cannot be read: 8 " in stop
    together = "".join(checked.out.split())
    assert all(f"{path}:notanimage" in together for path in broken)
    assert main(["fit", *flags]) == 2
    assert checked.err == capsys.readouterr().err


@pytest.mark.parametrize(("mend", "status", "level"), [("error", 2, "stop"), ("drop", 0, "warn")])
def test_a_gap_is_refused_unless_it_is_mended(
    check: Check, tmp_path: Path, mend: str, status: int, level: str
) -> None:
    path = toy.write_series(tmp_path / "data") / "toy.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:60] + lines[63:]))
    flags = (f"--data.root={path.parent}", "--data.value=value", f"--data.problems={mend}")
    checked = check("smoke", *toy.SERIES, *flags)
    assert checked.status == status, checked.err
    assert sum("gaps in steps of 01:00:00: 1" in line for line in checked.lines(level)) == 1
    assert checked.err.startswith("kindling: ") == (status == 2)


def test_photos_of_a_table_that_are_not_there(check: Check, tmp_path: Path) -> None:
    root = toy.write_listed(tmp_path / "data")
    for name in ("3.png", "5.png"):
        (root / "p" / name).unlink()
    checked = check("smoke", *toy.LISTED, f"--data.root={root}")
    assert checked.status == 2
    absent = "photos that are not there: 2 row 5, front: p/3.png row 7, front: p/5.png"
    assert any(absent in line for line in checked.lines("stop"))
    assert "no such file" in checked.err


def test_what_only_the_model_refuses(check: Check, tmp_path: Path) -> None:
    path = toy.write_table(tmp_path) / "toy.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    lines = [",".join([a, "b" if b == "b" else "", *others]) for a, b, *others in rows]
    path.write_text("\n".join([*lines, ""]))
    checked = check("smoke", *toy.TABLE, f"--data.root={tmp_path}", "--data.numbers=[a, b]")
    assert checked.status == 2
    assert "'b' has no value in the training rows" in checked.err
    assert "samples      train" in checked.out


def test_what_a_data_module_is_made_of_where_it_does_not_say(tmp_path: Path) -> None:
    for name in ("queue.csv", "1.png", "notes.txt"):
        (tmp_path / name).touch()

    class Queue:
        target_names = {"minutes": "waited"}

        def files(self) -> list[Path]:
            return [tmp_path / "queue.csv", tmp_path / "gone.csv", tmp_path / "notes.txt"]

    [table] = DataModule.sources(Queue()).tables  # type: ignore[arg-type]
    assert (table.path.name, list(table.targets)) == ("queue.csv", ["waited"])
    assert table.splits == ("train", "val", "test")
    [images] = of_files([tmp_path / "1.png"], []).images
    assert [file.name for file in images.files] == ["1.png"]


@pytest.mark.parametrize(
    ("task", "flags", "message"),
    [
        ("churned", [], "churned: no such config, task or preset"),
        ("smoke", [*toy.TABLE, "--data.targt=x"], "data.targt: no such option"),
        ("smoke", [*toy.TABLE, "--data.val_fraction=2"], "val_fraction=2.0: must lie between"),
        ("smoke", [*toy.TABLE, "--data.root=nowhere"], "no such folder (--data.root)"),
    ],
)
def test_wrong_options(check: Check, task: str, flags: list[str], message: str) -> None:
    checked = check(task, *flags)
    assert checked.status == 2
    assert checked.err.startswith("kindling: ")
    assert message in checked.err
    assert checked.err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif("clouds" not in TASKS, reason="clouds was deleted")
def test_the_real_clouds(real: Path, check: Check) -> None:
    """The doubles that a list beside the photos names, but for the equal ones, are the warning."""
    checked = check("clouds", f"--data.root={real / 'clouds'}")
    assert checked.status == 0
    [near] = checked.lines("warn")
    assert "nearly the same photo in test and train: 2 " in near
    listed = (real / "clouds" / "leaky_test_files.txt").read_text().splitlines()
    doubles = [line for line in listed if line and not line.startswith("#")]
    together = "".join(checked.out.split())
    assert all("".join(name.split()) in together for name in doubles)


def test_the_target_of_make() -> None:
    assert "\ncheck: $(STAMP)  ## " in (paths.PROJECT / "Makefile").read_text()
