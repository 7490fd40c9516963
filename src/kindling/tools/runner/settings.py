"""Tasks, names and flags as people type them, and the settings and data of a run with them."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kindling.api.record import Settings, chosen
from kindling.cli import arguments
from kindling.cli import settings as layers
from kindling.data import paths
from kindling.errors import UserError, did_you_mean


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
    # Not at the top: with torch, which takes seconds.
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
