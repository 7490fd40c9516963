"""What the tools' command lines share: options, names, flags and their settings, tables.

Torch is imported only where a run's settings are read.
"""

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from kindling.api.record import Settings, chosen
from kindling.cli import arguments
from kindling.cli import settings as layers
from kindling.data import paths
from kindling.data.numbers import MOST, at_least
from kindling.errors import UserError, did_you_mean

ABSENT = "–"  # noqa: RUF001 (a dash, not a minus)

Grid = list[list[str]]  # rows, the header first
Words = Sequence[str]


class Failed(UserError):
    """Something that was asked for failed, though it was asked for rightly."""

    status = 1


class Parser(argparse.ArgumentParser):
    """The parser of a tool that works on runs, or makes several; a mistake is one line.

    The docstring of the tool's ``main`` begins with what the tool does.
    """

    def __init__(self, main: Callable[..., None], logs: bool = False, jobs: bool = False) -> None:
        about = (main.__doc__ or "").partition("\n")[0]
        prog = f"kindling {main.__module__.rpartition('.')[2]}"
        super().__init__(prog, description=about, allow_abbrev=False)
        add = self.add_argument
        if logs or jobs:
            add("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
        if jobs:
            add("--jobs", type=whole("jobs"), help="runs at once; default: as many as fit")
            places = ("local", "slurm", "ray")
            add("--executor", choices=places, default="local", help="where runs start")
            add("--address", help="Ray cluster: auto, or ray://host:10001")
            add("--slurm", type=Path, help="file of what a run requests from SLURM")

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; the options are listed by: {self.prog} --help")


def whole(name: str, least: int = 1, most: int = MOST) -> Callable[[str], int]:
    """The type of an option that is a whole number in a range."""

    def read(word: str) -> int:
        try:
            value = int(word)
        except ValueError as error:
            raise UserError(f"{name}={word}: must be a whole number") from error
        return at_least(name, value, least, most)

    return read


def markdown(grid: Grid) -> str:
    """A table in Markdown, aligned for a terminal as well."""
    widths = [max(map(len, cells)) for cells in zip(*grid, strict=True)]
    header, *rows = [[f"{cell:{w}}" for cell, w in zip(r, widths, strict=True)] for r in grid]
    rule = ["-" * width for width in widths]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))


def check_task(task: str) -> None:
    tasks = arguments.names(paths.CONFIGS)
    if task not in tasks:
        raise UserError(f"{task}: no such task{did_you_mean(task, tasks)}")


def check_name(name: str, where: object = "NAME") -> str:
    """A name as a folder's name."""
    if not re.fullmatch(r"[\w+-][\w+. -]*", name):
        raise UserError(f"{name!r}: not a name ({where}): use letters, digits, spaces and -_.+")
    return name.replace(" ", "_")


def folder(logs: Path, task: str, kind: str, name: str | None, flags: Sequence[str]) -> Path:
    """``logs/<task>/<kind>/<name>`` of a task, by default named after the data's folder."""
    check_task(task)
    roots = [flag.partition("=")[2] for flag in flags if flag.startswith("--data.root=")]
    default = Path(roots[-1]).name if roots and roots[-1] != "null" else "sample"
    return logs.absolute() / task / kind / check_name(name or default)


def load(path: Path, part: str, known: Sequence[str]) -> dict[str, Any]:
    """The content of a YAML file that must have ``part``, and may have what is ``known``."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; write one with lines such as {part}: ...")
    content = layers.settings(path)
    if not isinstance(named := content.get(part), dict) or not named:
        raise UserError(f"{path}: names no {part}; expected lines such as {part}: ...")
    if unknown := sorted(str(name) for name in set(content) - {part, *known}):
        raise UserError(f"{path}: {unknown[0]}: expected {part}, {' or '.join(known)}")
    return content


def split(value: Any, path: Path) -> list[str]:
    """Flags as a file has them, in one line."""
    if not isinstance(value, str | None):
        raise UserError(f"{path}: {value}: expected flags in one line, such as --model.lr=0.1")
    return shlex.split(value or "")


def flags(settings: Mapping[str, Any]) -> list[str]:
    return [f"--{name}={layers.shown(value)}" for name, value in settings.items()]


def settings_of(flags: Sequence[str]) -> Settings:
    """The settings of a run with these flags, as its ``config.yaml`` will have them."""
    return chosen(_read(flags, make=False).whole)


def data_of(flags: Sequence[str]) -> Any:
    """The data module of a run with these flags, whose data exist, are valid and fit the model.

    Nothing is written but the sample. A plain LightningDataModule has no ``fingerprint``.
    """
    return _read(flags, make=True).datamodule


def _read(flags: Sequence[str], make: bool) -> Any:
    from kindling.cli.process import quiet, setting_errors

    with quiet(), setting_errors():
        command = parsed(flags)
        if make:
            command.make()
    return command


def parsed(flags: Sequence[str]) -> Any:
    """``kindling fit`` with these flags, which goes on to its model and data by ``make``."""
    from kindling.cli.parsing import ParsingCLI
    from kindling.data.datamodule import DataModule

    class Command(ParsingCLI):
        def instantiate_classes(self) -> None:
            """Nothing before ``make``."""

        def make(self) -> None:
            self._make_pair()
            if not isinstance(self.datamodule, DataModule):
                self.datamodule.prepare_data()
                self.datamodule.setup("fit")

    return Command(arguments.read(["fit", *flags]))
