import hashlib
import os
import shutil
from pathlib import Path

import pytest

from kindling.data.files import duplicates, fingerprint, identical
from kindling.errors import UserError


def write(root: Path, **contents: bytes) -> list[Path]:
    paths = [root / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def test_identical_finds_equal_content_under_other_names(tmp_path: Path) -> None:
    a, b, c, d, _ = write(tmp_path, a=b"sky", b=b"sea", c=b"sky", d=b"sky", e=b"longer")
    assert identical([a, b, c, d]) == [[a, c, d]]
    assert identical([a, b]) == []


def test_duplicates_are_named_by_split(tmp_path: Path) -> None:
    a, b, c, d, e = write(tmp_path, a=b"sky", b=b"sea", c=b"sky", d=b"sea", e=b"sky")
    assert duplicates({"train": [a, b], "val": [], "test": [c, e]}) == [
        {"train": [a], "test": [c, e]}
    ]
    assert duplicates({"train": [b, d], "test": [a]}) == []
    # As is one file in both.
    assert duplicates({"train": [a], "test": [a]}) == [{"train": [a], "test": [a]}]


def test_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    a, b = write(tmp_path, a=b"sky", b=b"sea")
    before = fingerprint([a, b], tmp_path)
    expected = hashlib.sha256()
    for name, content in ((b"a", b"sky"), (b"b", b"sea")):
        expected.update(name + b"\0" + hashlib.sha256(content).digest())
    assert before == expected.hexdigest()
    assert fingerprint([b, a], tmp_path) == before
    elsewhere = shutil.copytree(tmp_path, tmp_path / "else" / "where")
    assert fingerprint([elsewhere / "a", elsewhere / "b"], elsewhere) == before
    os.utime(a, (0, 0))
    assert fingerprint([a, b], tmp_path) == before
    b.write_bytes(b"see")
    assert fingerprint([a, b], tmp_path) != before
    b.write_bytes(b"sea")
    assert fingerprint([a, b.rename(tmp_path / "c")], tmp_path) != before


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone: cannot be read \(No such file or directory\)"):
        fingerprint([tmp_path / "gone"], tmp_path)
    with pytest.raises(UserError, match="gone: cannot be read"):
        duplicates({"train": [tmp_path / "gone"]})
