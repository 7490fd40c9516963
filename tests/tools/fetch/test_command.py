"""The command: what is there is not touched; what is wrong is one line and leaves nothing."""

import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kindling.data import paths
from kindling.tools.fetch import download

TABLE = '"";"MT_001";"MT_200"\n"2013-12-31 23:45:00";1,5;2\n"2014-01-01 00:00:00";1,25;3\n'
WATER = "ph,Potability\n7,1\n"


@pytest.fixture
def power(zipped: Any, server: Any) -> bytes:
    server.content = zipped({"LD2011_2014.txt": TABLE}).read_bytes()
    content: bytes = server.content
    return content


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
    assert done.stdout.split() == [".venv/bin/kindling", "fetch", "--task", "'t'", "--all"]


def test_fetched_through_a_bad_connection(
    data: Path, fetch: Any, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults = ["cut", "stall", "500"]
    flags = ("--task=electricity", f"--url={server.url}", "--client=MT_001", "--stall=0.3")
    assert fetch(*flags) == 0
    text = (data / "timeseries" / "electricity_train.csv").read_text()
    assert text == "timestamp,consumption\n2013-12-31 23:45:00,1.5\n"
    assert (data / "downloads" / "timeseries.zip").read_bytes() == power
    assert "DATA=" in capsys.readouterr().out
    asked = server.asked
    again = ("--task=timeseries", f"--url={server.url}", f"--folder={data / 'all'}", "--all")
    assert fetch(*again) == 0
    assert server.asked == asked == 4, "what was downloaded is there"
    assert "MT_001,MT_200" in (data / "all" / "electricity_test.csv").read_text()


def test_given_up_it_leaves_nothing(
    data: Path, fetch: Any, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults = ["503"] * 5
    assert fetch("--task=timeseries", f"--url={server.url}") == 2
    message = refused(capsys)
    assert "503" in message
    assert "(5 attempts)" in message
    assert server.asked == 5
    assert left(data) == []


def test_what_is_there_is_not_overwritten(
    data: Path, fetch: Any, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "timeseries").mkdir(parents=True)
    (data / "timeseries" / "mine.csv").write_text("mine")
    assert fetch("--task=timeseries", f"--url={server.url}") == 2
    assert "exists already" in refused(capsys)
    assert left(data) == ["timeseries/mine.csv"]
    assert not server.asked


def test_other_bytes_than_the_first_time(
    data: Path, fetch: Any, server: Any, zipped: Any, power: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    flags = ("--task=timeseries", f"--url={server.url}")
    assert fetch(*flags, f"--folder={data / 'a'}") == 0
    (data / "downloads" / "timeseries.zip").unlink()
    server.content = zipped({"LD2011_2014.txt": TABLE.replace("1,5", "9,9")}).read_bytes()
    assert fetch(*flags, f"--folder={data / 'b'}") == 2
    message = refused(capsys)
    assert "does not match the known hash" in message
    assert "downloads/digests.json" in message
    assert not (data / "b").exists()
    assert not (data / "downloads" / "timeseries.zip").exists()


def test_wrong_bytes_are_not_kept(
    data: Path, fetch: Any, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--task=timeseries", f"--url={server.url}")
    server.content = b"<html>come back later</html>"
    assert fetch(*flags) == 2
    assert "no sound ZIP archive" in refused(capsys)
    assert left(data) == []
    server.content = power
    assert fetch(*flags) == 0, "the same command fetches it again"
    notes = json.loads((data / "downloads" / "digests.json").read_text())
    assert [*notes] == [server.url]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--task=faces"], "faces: no public set of that"),
        (["--task=timeserie"], "did you mean timeseries?"),
        (["--task=timeseries", "--archive=none.zip"], "none.zip: no such file"),
        (["--task=timeseries", "--url=nonsense://x/y"], "nonsense"),
        (["--task=timeseries", "--url=http://127.0.0.1:9/x"], "try again later"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    data: Path, fetch: Any, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(*flags) == 2
    assert message in refused(capsys)
    assert not (data / "timeseries").exists()


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, fetch: Any, zipped: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("a file")
    archive = zipped({"LD2011_2014.txt": TABLE})
    assert fetch("--task=timeseries", f"--archive={archive}") == 2
    assert "fix that and try again" in refused(capsys)


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt", "//out.txt",
     ".", "./.", "link"],
)  # fmt: skip
def test_names_and_links_that_lead_outside(
    data: Path, tmp_path: Path, fetch: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16 if name == "link" else 0
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as opened:
        opened.writestr("water_potability.csv", WATER)
        opened.writestr(info, "/etc/passwd")
    assert fetch("--task=potability", f"--archive={tmp_path / 'set.zip'}") == 2
    assert "leads outside" in refused(capsys)
    assert left(data) == []


def test_entries_of_folders_whatever_they_are_called(
    data: Path, tmp_path: Path, fetch: Any
) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as opened:
        for name in ("./", "/", "../", "set/"):
            opened.writestr(zipfile.ZipInfo(name), "")
        opened.writestr("./set/water_potability.csv", WATER)
    assert fetch("--task=potability", f"--archive={tmp_path / 'set.zip'}") == 0
    assert left(data) == ["potability/water_potability.csv"]


def test_an_encrypted_archive(
    data: Path, fetch: Any, zipped: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = zipped({"water_potability.csv": WATER})
    content = bytearray(path.read_bytes())
    for start, flags in ((content.find(b"PK\3\4"), 6), (content.find(b"PK\1\2"), 8)):
        content[start + flags] |= 1
    path.write_bytes(content)
    assert fetch("--task=potability", f"--archive={path}") == 2
    assert "'water_potability.csv' is encrypted" in refused(capsys)
    assert left(data) == []


@pytest.mark.parametrize("limits", [{"LARGEST": 99_999}, {"MOST": 1}, {"SMALL": 0, "RATIO": 90}])
def test_more_than_there_is_room_for(
    fetch: Any, zipped: Any, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in limits.items():
        monkeypatch.setattr(download, name, value)
    archive = zipped({"bomb": b"\0" * 100_000, "b": "x"})
    assert fetch("--task=potability", f"--archive={archive}") == 2
    assert "too many to unpack" in refused(capsys)


@pytest.mark.parametrize("damage", ["end", "middle", "size"])
def test_damage_is_found(
    data: Path, fetch: Any, zipped: Any, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of an archive that says that it is small and is not."""
    path = zipped({"water_potability.csv": WATER * 5000})
    content, size = path.read_bytes(), len(WATER) * 5000
    if damage == "end":
        content = content[: len(content) // 2]
    elif damage == "middle":
        content = content[:60] + b"\xff" * 10 + content[70:]
    else:
        content = content.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    assert fetch("--task=potability", f"--archive={path}") == 2
    assert "no sound ZIP archive" in refused(capsys)
    assert left(data) == []


def test_by_kaggle_s_client(
    data: Path, tmp_path: Path, fetch: Any, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "water_potability.csv").write_text(WATER)
    asked: list[str] = []

    def get(handle: str) -> str:
        asked.append(handle)
        return str(tmp_path / "cache")

    def fail(handle: str) -> str:
        raise RuntimeError("403 Client Error.\n\nYou do not have permission")

    client = SimpleNamespace(dataset_download=get, competition_download=fail)
    monkeypatch.setitem(sys.modules, "kagglehub", client)
    assert fetch("--task=potability") == 0
    assert asked == ["adityakadiwal/water-potability"]
    assert left(data) == ["potability/water_potability.csv"]
    assert (tmp_path / "cache" / "water_potability.csv").read_text() == WATER
    assert fetch("--task=clouds") == 2
    message = refused(capsys)
    assert "https://www.kaggle.com/competitions/cloud-type-classification2: 403" in message
    assert "accept the competition's rules" in message
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    assert fetch("--task=clouds") == 2
    message = refused(capsys)
    assert "pip install 'kindling[kaggle]'" in message
    assert "--archive FILE.zip" in message
