"""The command: what is there is not touched; what is wrong is one line and leaves nothing."""

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kindling.data import paths
from kindling.tools.fetch import main

TABLE = '"";"MT_001";"MT_200"\n"2013-12-31 23:45:00";1,5;2\n"2014-01-01 00:00:00";1,25;3\n'
WATER = "ph,Potability\n7,1\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def power(zipped: Any, server: Any) -> bytes:
    server.content = zipped({"LD2011_2014.txt": TABLE}).read_bytes()
    content: bytes = server.content
    return content


def fetch(data: Path, *flags: str) -> int:
    status: int = main([f"--data={data}", *flags])
    return status


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err
    assert message.startswith("kindling: ")
    assert message.count("\n") == 1
    return message


def left(data: Path) -> list[str]:
    return sorted(p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file())


def test_make() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.installed", "data", "TASK=t", "ARGS=--all"],
        cwd=paths.PROJECT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == [".venv/bin/python", "scripts/fetch.py", "--task", "'t'", "--all"]


def test_fetched_through_a_bad_connection(
    data: Path, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults = ["cut", "stall", "away", "cut"]
    server.elsewhere = server.url
    flags = ("--task=electricity", f"--url={server.url}", "--client=MT_001", "--stall=0.3")
    assert fetch(data, *flags) == 0
    text = (data / "timeseries" / "electricity_train.csv").read_text()
    assert text == "timestamp,consumption\n2013-12-31 23:45:00,1.5\n"
    assert (data / "downloads" / "timeseries.zip").read_bytes() == power
    assert "DATA=" in capsys.readouterr().out
    server.faults = ["500"] * 9
    again = ("--task=timeseries", f"--url={server.url}", f"--folder={data / 'all'}", "--all")
    assert fetch(data, *again) == 0, "what was downloaded is there"
    assert "MT_001,MT_200" in (data / "all" / "electricity_test.csv").read_text()


def test_what_is_there_is_not_overwritten(
    data: Path, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "timeseries").mkdir(parents=True)
    (data / "timeseries" / "mine.csv").write_text("mine")
    assert fetch(data, "--task=timeseries", f"--url={server.url}") == 2
    assert "is there already" in refused(capsys)
    assert left(data) == ["timeseries/mine.csv"]
    assert not server.asked


def test_other_bytes_than_the_first_time(
    data: Path, server: Any, zipped: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--task=timeseries", f"--url={server.url}")
    assert fetch(data, *flags, f"--folder={data / 'a'}") == 0
    (data / "downloads" / "timeseries.zip").unlink()
    server.content = zipped({"LD2011_2014.txt": TABLE.replace("1,5", "9,9")}).read_bytes()
    assert fetch(data, *flags, f"--folder={data / 'b'}") == 2
    assert "when " + server.url + " was first fetched" in refused(capsys)
    assert not (data / "b").exists()


def test_wrong_bytes_are_not_kept(
    data: Path, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--task=timeseries", f"--url={server.url}")
    server.content = b"<html>come back later</html>"
    assert fetch(data, *flags) == 2
    assert "no sound ZIP archive" in refused(capsys)
    assert left(data) == []
    server.content = power
    assert fetch(data, *flags) == 0, "the same command fetches it again"
    notes = json.loads((data / "downloads" / "digests.json").read_text())
    assert [*notes] == [server.url]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--task=faces"], "faces: no public set of that"),
        (["--task=timeserie"], "did you mean timeseries?"),
        (["--task=timeseries", "--archive=none.zip"], "none.zip: no such file"),
        (["--task=timeseries", "--url=http://127.0.0.1:9/x", "--stall=0.05"], "5 times in a row"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    data: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(data, *flags) == 2
    assert message in refused(capsys)
    assert not (data / "timeseries").exists()


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, zipped: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("a file")
    archive = zipped({"LD2011_2014.txt": TABLE})
    assert fetch(tmp_path / "data", "--task=timeseries", f"--archive={archive}") == 2
    assert "see to it and try again" in refused(capsys)


KAGGLE = """#!/bin/sh
echo "$@" > {folder}/asked
[ -e {folder}/source.zip ] || { echo "403 - Forbidden"; exit 1; }
cp {folder}/source.zip "$6/water-potability.zip"
"""


def test_by_kaggle_s_client(
    data: Path,
    tmp_path: Path,
    zipped: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    for task in ("potability", "clouds"):
        assert fetch(data, f"--task={task}") == 2
        message = refused(capsys)
        assert "pip install kaggle" in message
        assert "--archive FILE.zip" in message
    (tmp_path / "kaggle").write_text(KAGGLE.replace("{folder}", str(tmp_path)))
    (tmp_path / "kaggle").chmod(stat.S_IRWXU)
    assert fetch(data, "--task=potability") == 2
    assert "Kaggle's client failed (403 - Forbidden); a token from" in refused(capsys)
    zipped({"water_potability.csv": WATER}, "source.zip")
    assert fetch(data, "--task=potability") == 0
    name = "adityakadiwal/water-potability"
    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["datasets", "download", "-d", name, "-p", str(data / "downloads")]
    assert (data / "potability" / "water_potability.csv").read_text() == WATER


def test_an_archive_that_is_here(data: Path, zipped: Any) -> None:
    archive = zipped({"water_potability.csv": WATER})
    assert fetch(data, "--task=potability", f"--archive={archive}") == 0
    assert left(data) == ["potability/water_potability.csv"]
