"""The command over whole data sets: what it prints, and how it ends."""

import re
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths
from tests.engine import toy
from tests.tools.check.conftest import Check

SLOW = {"clouds", "faces", "prices"}
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
    assert not (tmp_path / "logs").exists()


def test_a_refusal_has_the_words_of_training(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = toy.write_table(tmp_path) / "toy.csv"
    path.write_text(path.read_text().replace("\n", "\nlots", 1))
    flags = (*toy.TABLE, f"--data.root={tmp_path}", "--data.numbers=[a, b]")
    checked = check("smoke", *flags)
    assert checked.status == main(["fit", *flags]) == 2
    assert checked.err == capsys.readouterr().err
    assert "row 2, column 'a': 'lots" in checked.err
    assert "lots" not in checked.out, "once is enough"
    assert "1 stop, 0 warn, 0 note: training would be refused" in checked.out


def test_unreadable_photos_are_named(check: Check, tmp_path: Path) -> None:
    train = toy.write_photos(tmp_path) / "train"
    for name in ("blue/1.png", "grey/2.png"):
        (train / name).write_bytes(b"no picture")
    checked = check("smoke", *toy.PHOTOS, f"--data.root={tmp_path}")
    assert checked.status == 2
    [stop] = checked.lines("stop")
    assert "images cannot be read; --data.bad_files=skip leaves them out: 2" in stop
    assert "blue/1.png: not an image" in stop
    assert "grey/2.png: not an image" in stop


def test_what_only_the_model_refuses(check: Check, tmp_path: Path) -> None:
    path = toy.write_table(tmp_path) / "toy.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    lines = [",".join([a, "b" if b == "b" else "", *others]) for a, b, *others in rows]
    path.write_text("\n".join([*lines, ""]))
    checked = check("smoke", *toy.TABLE, f"--data.root={tmp_path}", "--data.numbers=[a, b]")
    assert checked.status == 2
    assert "'b' has no value in the training rows" in checked.err
    assert "samples      train" in checked.out


@pytest.mark.parametrize(
    ("task", "flags", "message"),
    [
        ("churned", [], "churned: no such config, task or preset"),
        ("smoke", [*toy.TABLE, "--data.targt=x"], "data.targt: no such option"),
        ("smoke", [*toy.TABLE, "--data.val_fraction=2"], "val_fraction=2.0: must lie between"),
        ("smoke", [*toy.TABLE, "--data.root=nowhere"], "no such folder (--data.root)"),
    ],
)
def test_wrong_options(refused: Any, task: str, flags: list[str], message: str) -> None:
    assert message in refused("check", "--task", task, *flags)


@pytest.mark.slow
@pytest.mark.skipif("clouds" not in TASKS, reason="clouds was deleted")
def test_the_real_clouds(real: Path, check: Check) -> None:
    """Training leaves out the equal ones itself: the two that are nearly equal are the warning."""
    checked = check("clouds", f"--data.root={real / 'clouds'}")
    assert checked.status == 0
    [near] = checked.lines("warn")
    assert "the same photo, or nearly, in test and train: 2 " in near
    doubles = re.findall(r"\w+\.jpg", near)
    listed = (real / "clouds" / "leaky_test_files.txt").read_text()
    assert sum(name in listed for name in doubles) == 2


def test_columns_are_listed_as_training_has_them(check: Check, tmp_path: Path) -> None:
    path = toy.write_table(tmp_path) / "toy.csv"
    header, first, *rows = path.read_text().splitlines()
    cells = ["?", *first.split(",")[1:]]
    path.write_text("\n".join([header, ",".join(cells), *rows]))
    flags = (*toy.TABLE, f"--data.root={tmp_path}", '--data.missing=["?"]')
    checked = check("smoke", *flags)
    assert checked.status == 0, checked.err
    listed = [line[12:].strip() for line in checked.out.splitlines() if ", such as " in line]
    assert [line.partition(":")[0] for line in listed] == header.split(",")
    assert listed[0].startswith(f"{header.split(',')[0]}: number, such as {rows[0].split(',')[0]}")
