"""A new problem: its folder, configuration and tests, from a template.

With --data, the file's columns are shown and become the problem's own.
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from rich.table import Table

from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.tools.command import console, ended
from kindling.tools.new.infer import Inferred, infer
from kindling.tools.new.names import camel, check_task, places

TEMPLATES = Path(__file__).with_name("templates")


class Template(NamedTuple):
    """A folder of templates, and settings of the data module in place of those in its YAML."""

    folder: str
    settings: Mapping[str, object] = {}


KINDS: Mapping[str, Mapping[str, Template]] = {
    "tabular": {
        "classification": Template("table_class"),
        "regression": Template("table_number"),
    },
    "images": {
        "classification": Template("photo_class"),
        "regression": Template("photo_number", {"numbers": [], "categories": []}),
    },
    "series": {"regression": Template("series")},
    "multi-input": {"regression": Template("photo_number")},
    "multi-output": {"both": Template("photo_both")},
}
"""By kind and target, the first being what is made where none is named."""


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", required=True, help="the problem's name")
    parser.add_argument("--kind", required=True, help=", ".join(KINDS))
    parser.add_argument("--target", help="classification or regression, where both make sense")
    parser.add_argument("--data", type=Path, help="CSV file to take columns from")
    parser.add_argument("--column", help="of that file, to predict; the last one")
    return ended(lambda: make(**vars(parser.parse_args(args))))


def make(
    task: str, kind: str, target: str | None, data: Path | None = None, column: str | None = None
) -> None:
    """Write a new problem, and say what was written.

    Raises:
        UserError: The name cannot be had, there is no such kind, or the file is of no use for it.
    """
    check_task(task)
    template = find(kind, target)
    found = None if data is None else infer(kind, data, column, target)
    if data is not None and found is not None:
        show(data, found)
        template = find(kind, target or found.target)
        template = template._replace(settings={**template.settings, **found.settings})
    for path in create(task, template):
        print(f"wrote   {path.relative_to(paths.PROJECT)}")
    folder = f" DATA={data.parent}" if data is not None else ""
    print(f"train   make train TASK={task}{folder}")


def find(kind: str, target: str | None) -> Template:
    """The template of a kind, and a target where there are several."""
    if kind not in KINDS:
        raise UserError(f"KIND={kind}: no such kind{did_you_mean(kind, KINDS)}")
    targets = KINDS[kind]
    if target is not None and target not in targets:
        raise UserError(f"TARGET={target}: {kind} has {', '.join(targets)}")
    return targets[target or next(iter(targets))]


def create(task: str, template: Template) -> list[Path]:
    """Write a problem, whole or not at all.

    Returns:
        The problem's folder, its tests and its configuration.
    """
    texts = {path.name: _filled(path, task) for path in (TEMPLATES / template.folder).iterdir()}
    config = texts.pop("config.yaml")
    texts["__init__.py"] = f'"""{config.partition(chr(10))[0].removeprefix("# ")}."""\n'
    unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=paths.PROJECT))
    folder, tests, settings = unfinished / "problem", unfinished / "tests", unfinished / "yaml"
    try:
        for made in (folder, tests):
            made.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        (tests / "test_contract.py").write_text(_filled(TEMPLATES / "test_contract.py", task))
        settings.write_text(_configured(config, template.settings), encoding="utf-8")
        _move(dict(zip((folder, tests, settings), places(task), strict=True)))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return places(task)


def _filled(path: Path, task: str) -> str:
    text = path.read_text(encoding="utf-8")
    return text.replace("task_name", task).replace("TaskName", camel(task))


def _configured(config: str, settings: Mapping[str, object]) -> str:
    """The YAML file with these settings of the data module; a list takes one line."""
    content = yaml.safe_load(config)
    content["data"]["init_args"] |= settings
    text: str = yaml.safe_dump(
        content, sort_keys=False, default_flow_style=None, width=1_000_000, allow_unicode=True
    )
    return f"{config.partition(chr(10))[0]}\n{text}"


def _move(ready: Mapping[Path, Path]) -> None:
    """Put each where it belongs, all of them or none."""
    done: list[Path] = []
    try:
        for source, place in ready.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            done.append(place)
            source.rename(place)
    except BaseException:
        for place in done:
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(True)
        raise


def show(path: Path, found: Inferred) -> None:
    """What each column is taken for."""
    screen = console()
    screen.print(f"{path}: {found.about}")
    shown = Table(box=None, pad_edge=False, header_style="none")
    for title in ("column", "taken for", "missing", "different", "first"):
        shown.add_column(title, justify="right" if title in ("missing", "different") else "left")
    for name, cells in found.table.items():
        missing = f"{cells.isna().mean():.1%}" if cells.isna().any() else "none"
        role = found.roles.get(str(name), "not used")
        first = str(next(iter(cells.dropna()), ""))[:30]
        shown.add_row(str(name), role, missing, f"{cells.nunique():,}", first)
    screen.print(shown)
