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
    "name", ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt", "link"]
)
def test_names_and_links_that_lead_outside(tmp_path: Path, name: str) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16 if name == "link" else 0
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as opened:
        opened.writestr(info, "/etc/passwd")
    with (
        pytest.raises(UserError, match="leads outside"),
        archive.opened(tmp_path / "set.zip"),
    ):
        pass


@pytest.mark.parametrize(("limit", "most"), [("LARGEST", 99_999), ("MOST", 1)])
def test_more_than_there_is_room_for(
    zipped: Any, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(archive, limit, most)
    path = zipped({"bomb": b"\0" * 100_000, "b": "x"})
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
