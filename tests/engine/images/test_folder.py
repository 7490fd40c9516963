import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kindling.errors import UserError
from kindling.images import find_images, scan


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path, files: list[Path]) -> list[str]:
    return [file.relative_to(root).as_posix() for file in files]


def test_classes_are_folders_and_strays_are_named_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "b c/2.PNG", "b c/deep/er/10.tiff", "list.txt", "a/notes.md", "a/b/x.py")
    touch(tmp_path, "a/1.jpg", "a/._1.jpg", "a/.DS_Store", ".git/x.jpg", "a/.cache/2.jpg", "a/s.h5")
    (tmp_path / "a" / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = scan(tmp_path)
    assert (found.classes, found.labels.tolist()) == (["a", "b c"], [0, 1, 1])
    assert names(tmp_path, found.files) == ["a/1.jpg", "b c/2.PNG", "b c/deep/er/10.tiff"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "not an image, ignored: 5 (list.txt, a/b/x.py, a/dangling.jpg, ...)" in record.message


@pytest.mark.parametrize(
    ("read", "files", "path", "fault"),
    [
        (scan, ["1.jpg", "2.jpg"], "", "no class folders; put the photos"),
        (
            scan,
            ["a/1.jpg", "b/x.txt", "c/.1.jpg"],
            "",
            r"/b \(b/x.txt\), .*/c \(empty\): no photos in this class; add",
        ),
        (scan, [], "missing", "missing: no such folder; check the path"),
        (scan, ["a.jpg"], "a.jpg", "a.jpg: no such folder; check the path"),
        (find_images, ["c.txt"], "", "no photos in this folder; check the path"),
        (find_images, [], "missing", "missing: no such folder; check the path"),
    ],
)
def test_what_holds_no_photos_is_named(
    read: Callable[[Path], Any], files: list[str], path: str, fault: str, tmp_path: Path
) -> None:
    touch(tmp_path, *files)
    with pytest.raises(UserError, match=f"^{tmp_path}.*{fault}") as error:
        read(tmp_path / path)
    assert str(error.value).isprintable()


def test_a_folder_that_cannot_be_listed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(UserError, match=r"cannot be listed \(Permission denied\)"):
        scan(tmp_path)
