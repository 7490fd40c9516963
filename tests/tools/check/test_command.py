"""The command over whole data sets: what it prints, and how it ends."""

from pathlib import Path

import pytest
import yaml

from kindling.data import paths
from kindling.data.datamodule import DataModule
from kindling.data.sources import of_files
from tests.engine.hard_input.small import as_text, quick, rows_of, train, write
from tests.tools.check.conftest import Check

TASKS = ("potability", "timeseries", "clouds", "prices", "faces")
IMAGES = ("--data.image_size=8", "--model.channels=[4]")


@pytest.mark.parametrize("task", quick(TASKS, ["potability", "timeseries", "prices"]))
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
    root = write("potability", tmp_path / "data" / "set")
    rows = rows_of("potability")
    for k, row in enumerate(rows[1:]):
        row[2:2] = ["7", f"{k}.25"]
    rows[0][2:2] = ["same", "stamp"]
    rows[5][0], rows[6][1] = "lots", "none of it"
    (root / "water_potability.csv").write_text(as_text(rows))
    checked = check("potability", f"--data.root={root}")
    assert checked.status == 2
    assert train("potability", root) == 2
    refusal = capsys.readouterr().err
    assert "column 'a': 'lots' is not a number" in refusal
    assert checked.err == refusal
    first, second = checked.lines("stop")
    assert "'lots'" in first
    assert "'none of it'" in second
    assert "warn same: the same value everywhere, 7" in checked.lines("warn")
    assert any(line.startswith("warn stamp: names or counts") for line in checked.lines("warn"))
    assert "training would be refused" in checked.out


def test_every_unreadable_photo_is_named(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write("clouds", tmp_path / "data" / "set")
    broken = [f"clouds_train/{kind}/{k}.png" for kind in ("fog", "sun") for k in (0, 1, 2, 3)]
    for name in broken:
        (root / name).write_bytes(b"no picture")
    checked = check("clouds", f"--data.root={root}", *IMAGES)
    assert checked.status == 2
    [stop] = checked.lines("stop")
    assert "photos that cannot be read: 8 " in stop
    together = "".join(checked.out.split())
    assert all(f"/set/{name}:notanimage" in together for name in broken)
    assert train("clouds", root) == 2
    assert checked.err == capsys.readouterr().err


@pytest.mark.parametrize(("mend", "status", "level"), [("error", 2, "stop"), ("drop", 0, "warn")])
def test_a_gap_is_refused_unless_it_is_mended(
    check: Check, tmp_path: Path, mend: str, status: int, level: str
) -> None:
    root = write("timeseries", tmp_path / "data" / "set")
    rows = rows_of("timeseries")
    (root / "electricity_train.csv").write_text(as_text(rows[:60] + rows[63:]))
    small = ["--data.window=4", "--data.lags=[]", "--data.test=null", "--model.hidden=4"]
    checked = check("timeseries", f"--data.root={root}", f"--data.problems={mend}", *small)
    assert checked.status == status, checked.err
    assert sum("gaps in steps of 01:00:00: 1" in line for line in checked.lines(level)) == 1
    assert checked.err.startswith("kindling: ") == (status == 2)


def test_photos_of_a_table_that_are_not_there(check: Check, tmp_path: Path) -> None:
    root = write("prices", tmp_path / "data" / "set")
    for name in ("3.png", "5.png"):
        (root / "p" / name).unlink()
    checked = check("prices", f"--data.root={root}", *IMAGES)
    assert checked.status == 2
    absent = "photos that are not there: 2 row 5, front: p/3.png row 7, front: p/5.png"
    assert any(absent in line for line in checked.lines("stop"))
    assert "no such file" in checked.err


def test_people_in_several_splits(check: Check, tmp_path: Path) -> None:
    root = write("faces", tmp_path / "data" / "set")
    checked = check("faces", f"--data.root={root}", *IMAGES)
    assert checked.status == 0, checked.err
    assert any("identity: 3 of 3 are in several splits" in note for note in checked.lines("note"))


def test_what_only_the_model_refuses(check: Check, tmp_path: Path) -> None:
    root = write("potability", tmp_path / "data" / "set")
    rows = rows_of("potability")
    (root / "water_potability.csv").write_text(as_text([[a, "" if y in "01" else b, y]
                                                        for a, b, y in rows]))  # fmt: skip
    checked = check("potability", f"--data.root={root}")
    assert checked.status == 2
    assert "feature 'b' has no value in the training rows" in checked.err
    assert "samples      train" in checked.out


def test_a_problem_of_one_s_own(check: Check, tmp_path: Path) -> None:
    """As `make new` copies it; with a column of names that is learned from."""
    module = "kindling.tools.new.tabular"
    config = {
        "data": {"class_path": f"{module}.data.TabularDataModule"},
        "model": {"class_path": f"{module}.model.TabularModule"},
    }
    (tmp_path / "churn.yaml").write_text(yaml.safe_dump(config))
    lines = [f"{k % 7}.5,{'abc'[k % 3]},{k},{'yes' if k * 7 % 5 else 'no'}" for k in range(60)]
    (tmp_path / "churn.csv").write_text("\n".join(["fee,tariff,code,target", *lines, ""]))
    flags = [f"--data.root={tmp_path}", "--data.numbers=[fee, code]"]
    checked = check(str(tmp_path / "churn.yaml"), *flags)
    assert checked.status == 0, checked.err
    assert any("code: names or counts the rows" in warning for warning in checked.lines("warn"))


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
        ("potability", ["--data.targt=x"], "data.targt: no such option"),
        ("potability", ["--data.val_fraction=2"], "data.val_fraction=2.0: must lie between"),
        ("potability", ["--data.root=nowhere"], "no such folder (--data.root)"),
    ],
)
def test_wrong_options(check: Check, task: str, flags: list[str], message: str) -> None:
    checked = check(task, *flags)
    assert checked.status == 2
    assert checked.err.startswith("kindling: ")
    assert message in checked.err
    assert checked.err.count("\n") == 1


@pytest.mark.parametrize("task", quick(["potability", "clouds"], ["potability"]))
def test_the_real_sets(task: str, real: Path, check: Check) -> None:
    """Of clouds, the doubles that a list beside the photos names, but for the equal ones."""
    checked = check(task, f"--data.root={real / task}")
    assert checked.status == 0
    warned = checked.lines("warn")
    if task == "potability":
        assert warned == []
        return
    [near] = warned
    listed = (real / "clouds" / "leaky_test_files.txt").read_text().splitlines()
    doubles = [line for line in listed if line and not line.startswith("#")]
    together = "".join(checked.out.split())
    assert "nearly the same photo in test and train: 2 " in near
    assert all("".join(name.split()) in together for name in doubles)


def test_the_target_of_make() -> None:
    assert "\ncheck: $(STAMP)  ## " in (paths.PROJECT / "Makefile").read_text()
