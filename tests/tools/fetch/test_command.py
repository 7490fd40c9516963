"""The command: what is there is not touched; what is wrong is one line and leaves nothing."""

import json
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kindling.tools import fetch as fetching
from tests.tools.fetch.conftest import left

TABLE = '"";"MT_001";"MT_200"\n"2013-12-31 23:45:00";1,5;2\n"2014-01-01 00:00:00";1,25;3\n'
WATER = "ph,Potability\n7,1\n"


@pytest.fixture
def power(zipped: Any, server: Any) -> bytes:
    server.content = zipped({"LD2011_2014.txt": TABLE}).read_bytes()
    content: bytes = server.content
    return content


def test_what_was_downloaded_is_not_fetched_again(
    data: Path, fetch: Any, server: Any, power: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--task=timeseries", f"--url={server.url}", "--client=MT_001")
    assert fetch(*flags) == 0
    text = (data / "timeseries" / "electricity_train.csv").read_text()
    assert text == "timestamp,consumption\n2013-12-31 23:45:00,1.5\n"
    assert (data / "downloads" / "timeseries.zip").read_bytes() == power
    assert "DATA=" in capsys.readouterr().out
    asked = server.asked
    again = ("--task=timeseries", f"--url={server.url}", f"--folder={data / 'all'}", "--all")
    assert fetch(*again) == 0
    assert server.asked == asked == 1, "what was downloaded is there"
    assert "MT_001,MT_200" in (data / "all" / "electricity_test.csv").read_text()


def test_given_up_it_leaves_nothing(refuse: Any, server: Any, power: bytes) -> None:
    for fault in ("503", "cut"):
        server.faults = [fault]
        assert "try again later" in refuse("--task=timeseries", f"--url={server.url}")


def test_what_is_there_is_not_overwritten(data: Path, refuse: Any, server: Any) -> None:
    (data / "timeseries").mkdir(parents=True)
    (data / "timeseries" / "mine.csv").write_text("mine")
    assert "exists already" in refuse("--task=timeseries", f"--url={server.url}")
    assert not server.asked


def test_other_bytes_than_the_first_time(
    data: Path, fetch: Any, refuse: Any, server: Any, zipped: Any, power: bytes
) -> None:
    flags = ("--task=timeseries", f"--url={server.url}")
    assert fetch(*flags, f"--folder={data / 'a'}") == 0
    (data / "downloads" / "timeseries.zip").unlink()
    server.content = zipped({"LD2011_2014.txt": TABLE.replace("1,5", "9,9")}).read_bytes()
    message = refuse(*flags, f"--folder={data / 'b'}")
    assert "does not match the known hash" in message
    assert "downloads/digests.json" in message


def test_wrong_bytes_are_not_kept(
    data: Path, fetch: Any, refuse: Any, server: Any, power: bytes
) -> None:
    flags = ("--task=timeseries", f"--url={server.url}")
    server.content = b"<html>come back later</html>"
    assert "not a valid ZIP archive" in refuse(*flags)
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
def test_what_is_wrong_is_said_in_a_line(refuse: Any, flags: list[str], message: str) -> None:
    assert message in refuse(*flags)


def test_a_folder_that_cannot_be_written(tmp_path: Path, refuse: Any, zipped: Any) -> None:
    (tmp_path / "data").write_text("a file")
    archive = zipped({"LD2011_2014.txt": TABLE})
    assert "fix that and try again" in refuse("--task=timeseries", f"--archive={archive}")


Change = Callable[[bytes], bytes]


def encrypted(content: bytes) -> bytes:
    changed = bytearray(content)
    for start, flags in ((content.find(b"PK\3\4"), 6), (content.find(b"PK\1\2"), 8)):
        changed[start + flags] |= 1
    return bytes(changed)


OUTSIDE = ("../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt",
           "//out.txt", ".", "./.", "link")  # fmt: skip
LIMITS: list[dict[str, int]] = [{"LARGEST": 9_999}, {"MOST": 1}, {"SMALL": 0, "RATIO": 1}]
SIZE = len(WATER) * 5000
DAMAGED: list[Change] = [
    lambda content: content[: len(content) // 2],
    lambda content: content[:60] + b"\xff" * 10 + content[70:],
    # Says that it is small and is not.
    lambda content: content.replace(SIZE.to_bytes(4, "little"), (10).to_bytes(4, "little")),
]
UNSAFE: list[tuple[str, dict[str, int], Change, str]] = [
    *((name, {}, bytes, "leads outside") for name in OUTSIDE),
    *(("b", limits, bytes, "too many to unpack") for limits in LIMITS),
    *(("b", {}, change, "not a valid ZIP archive") for change in DAMAGED),
    ("b", {}, encrypted, "'water_potability.csv' is encrypted"),
]


@pytest.mark.parametrize(("name", "limits", "change", "message"), UNSAFE)
def test_an_archive_that_is_not_unpacked(
    name: str, limits: dict[str, int], change: Change, message: str, tmp_path: Path, refuse: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for limit, value in limits.items():
        monkeypatch.setattr(fetching, limit, value)
    info, path = zipfile.ZipInfo(name), tmp_path / "set.zip"
    info.external_attr = (stat.S_IFLNK | 0o777) << 16 if name == "link" else 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("water_potability.csv", WATER * 5000)
        opened.writestr(info, "/etc/passwd")
    path.write_bytes(change(path.read_bytes()))
    assert message in refuse("--task=potability", f"--archive={path}")


def test_entries_of_folders_whatever_they_are_called(
    data: Path, tmp_path: Path, fetch: Any
) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as opened:
        for name in ("./", "/", "../", "set/"):
            opened.writestr(zipfile.ZipInfo(name), "")
        opened.writestr("./set/water_potability.csv", WATER)
    assert fetch("--task=potability", f"--archive={tmp_path / 'set.zip'}") == 0
    assert left(data) == ["potability/water_potability.csv"]


def test_by_kaggle_s_client(
    data: Path, tmp_path: Path, fetch: Any, refuse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    message = refuse("--task=clouds")
    assert "https://www.kaggle.com/competitions/cloud-type-classification2: 403" in message
    assert "accept the competition's rules" in message
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    message = refuse("--task=clouds")
    assert "pip install 'kindling[kaggle]'" in message
    assert "--archive FILE.zip" in message
