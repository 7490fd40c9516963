"""Archives of strangers: nothing is written outside, nothing without end, nothing half."""

import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from kindling.errors import UserError
from kindling.tools.fetch import archive
from kindling.tools.fetch.archive import Unsound


@pytest.mark.parametrize(
    "name", ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt"]
)
def test_names_that_lead_outside(zipped: Any, name: str) -> None:
    with pytest.raises(UserError, match="leads outside"), archive.opened(zipped({name: "x"})):
        pass


def test_a_link(tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(UserError, match="leads outside"), archive.opened(path):
        pass


def test_more_than_there_is_room_for(zipped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped({"bomb": b"\0" * 100_000, "b": "x"})
    monkeypatch.setattr(archive, "LARGEST", 99_999)
    with pytest.raises(UserError, match="too many to unpack"), archive.opened(path):
        pass
    monkeypatch.setattr(archive, "LARGEST", 1_000_000)
    monkeypatch.setattr(archive, "MOST", 1)
    with pytest.raises(UserError, match="too many to unpack"), archive.opened(path):
        pass


def test_an_archive_that_hides_its_size(zipped: Any, tmp_path: Path) -> None:
    """What says that it is small and is not yields no more than it says."""
    path = zipped({"bomb": b"\0" * 100_000})
    content = path.read_bytes()
    path.write_bytes(content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(Unsound), archive.opened(path) as opened:
        archive.unpack(opened, "bomb", tmp_path / "bomb")
    assert (tmp_path / "bomb").stat().st_size <= 10


@pytest.mark.parametrize("damage", ["end", "middle", "all"])
def test_damage_is_found(zipped: Any, tmp_path: Path, damage: str) -> None:
    path = zipped({"a": bytes(range(256)) * 40})
    content = bytearray(path.read_bytes())
    if damage == "end":
        content = content[: len(content) // 2]
    elif damage == "middle":
        content[60:70] = b"\xff" * 10
    else:
        content = bytearray(b"<html>sorry</html>")
    path.write_bytes(content)
    with pytest.raises(Unsound, match="no sound ZIP archive"), archive.opened(path) as opened:
        archive.unpack(opened, "a", tmp_path / "a")


def test_what_macos_leaves_is_not_listed(zipped: Any) -> None:
    with archive.opened(zipped({"a/b.txt": "x", "__MACOSX/a/._b.txt": "y"})) as opened:
        assert archive.files(opened) == {"a/b.txt": PurePosixPath("a/b.txt")}
