"""Where a data set keeps the photos of each split: in folders of class folders, or in tables."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from kindling.data.datamodule import Stage
from kindling.data.files import TABLES, printable
from kindling.errors import UserError
from kindling.images.folder import folders

AUTO = "auto"
"""A folder or table that is found by its name."""

WORDS: Mapping[Stage, set[str]] = {
    "train": {"train", "training"},
    "val": {"val", "valid", "validation", "dev"},
    "test": {"test", "testing"},
}
log = logging.getLogger(__name__)


def find_parts(root: Path, named: Mapping[Stage, str | None]) -> dict[Stage, Path]:
    """The folder or table of each split that has one of its own.

    Args:
        root: Folder of the data set.
        named: Of each split, a name in ``root``; ``AUTO``, to find it by its name; or none.

    Raises:
        UserError: A named folder or table is missing, or it is ambiguous which is meant.
    """
    parts: dict[Stage, Path] = {}
    for split, name in named.items():
        path = _found(root, split) if name == AUTO else None if name is None else root / name
        if path is not None and not path.exists():
            raise UserError(f"{path}: no such folder (--data.{split}); {_there(root)}")
        parts |= {} if path is None else {split: path}
    if parts.get("train") == root and len(parts) > 1 and named["train"] == AUTO:
        raise UserError(f"{root}: no folder of training photos (--data.train); {_there(root)}")
    _report(root, parts)
    return parts


def _there(root: Path) -> str:
    return f"folders there: {', '.join(folder.name for folder in folders(root)) or 'none'}"


def _found(root: Path, split: Stage) -> Path | None:
    inside = [folder for folder in folders(root) if _is_for(folder.name, split)]
    classes = [folder for folder in inside if folders(folder)]
    if len(classes) > 1:
        names = ", ".join(folder.name for folder in classes)
        raise UserError(f"{root}: which is it, {names}? name one (--data.{split})")
    if classes:
        return classes[0]
    return (_table(root) or _root(root)) if split == "train" else None


def _table(root: Path) -> Path | None:
    """The table of the photos' classes, unless they are in class folders."""
    tables = sorted(p for p in root.iterdir() if p.name.lower().endswith(TABLES))
    classes = [f.name for f in folders(root) if not any(_is_for(f.name, s) for s in WORDS)]
    if not tables:
        return None
    names = ", ".join(table.name for table in tables)
    if len(classes) > 1:
        choice = f"classes by {names}, or the folders {', '.join(classes[:3])}?"
        raise UserError(f"{root}: {choice} --data.train=FILE, or . for the folders")
    tables = (tables[1:] and [t for t in tables if _is_for(t.name, "train")]) or tables
    if len(tables) > 1:
        raise UserError(f"{root}: which table has the classes, {names}? --data.train=")
    return tables[0]


def _root(root: Path) -> Path:
    """A folder of class folders."""
    inside = folders(root)
    if len(inside) == 1 and any(_is_for(f.name, s) for f in folders(inside[0]) for s in WORDS):
        raise UserError(f"{root}: holds {inside[0].name} alone; it is DATA={inside[0]}")
    return root


def _is_for(name: str, split: Stage) -> bool:
    return not WORDS[split].isdisjoint(re.split(r"[^a-z]+", name.lower()))


def _report(root: Path, parts: Mapping[Stage, Path]) -> None:
    """Say which folders are not read: a validation split is easily left out unnoticed."""
    used = {path.resolve() for path in parts.values()}
    if root.resolve() in used or any(path.is_file() for path in parts.values()):
        return
    unused = [folder for folder in folders(root) if folder.resolve() not in used]
    if unused:
        names = ", ".join(folder.name for folder in unused)
        flat = [f for f in unused if not folders(f) and any(_is_for(f.name, s) for s in WORDS)]
        cure = (
            f"; make predict INPUT={printable(flat[0])} predicts photos without class"
            if flat
            else ""
        )
        log.warning("%s: folders that are not used: %s%s", root, names, cure)
