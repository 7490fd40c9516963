"""Help that fits a screen; what the parser says in 500 lines stays at ``--help=all``."""

import shutil
from argparse import Action
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kindling import arguments, paths
from kindling.layers import PARTS

if TYPE_CHECKING:
    from kindling.parser import Pair

TRAINER = ("max_epochs", "max_time", "accelerator", "devices", "precision", "gradient_clip_val")
SECTIONS = {"help", "config", "print_config", "trainer", "checkpoint", "early_stopping", *PARTS}

SHARED = {
    "--config=NAME|FILE": "A task, a preset or a YAML file; a later one overrides.",
    "--run=DIR": "A run whose config and checkpoint to use, and to write into.",
    "--ckpt_path=FILE": "A checkpoint, where it is not the run's best (fit: last).",
    "--early_stopping.patience=N": "Epochs without a better score before training stops.",
    "--print_config": "Print the whole configuration and stop.",
    "--help=all": "Every option of the Trainer too.",
}


def wanted(args: list[str]) -> bool:
    """Whether ``args`` ask for help, and not on the settings of a task."""
    rest = [arg for arg in args if arg not in ("-h", "--help", "help")]
    return not rest or (rest != args and len(rest) == 1 and rest[0] in arguments.COMMANDS)


def overview() -> str:
    """Commands, tasks, presets and three examples. Imports no torch: a person is waiting."""
    return "\n".join(
        [
            "kindling: problem shapes on one PyTorch Lightning spine",
            "",
            "usage: kindling COMMAND [--config TASK] [--config PRESET] [--SETTING=VALUE ...]",
            *_section("commands", arguments.COMMANDS),
            *_section("tasks", _described(paths.CONFIGS)),
            *_section("presets", _described(paths.PRESETS)),
            "",
            "examples",
            "  kindling train --config timeseries --model.cell=gru --trainer.max_epochs=5",
            "  kindling test --run logs/timeseries/latest",
            "  kindling fit --config timeseries --help",
        ]
    )


def of_command(command: str, pair: "Pair", actions: Sequence[Action], values: Any) -> str:
    """The settings that a command takes, with what the configs make of them.

    Args:
        command: The command.
        pair: The classes of model and data.
        actions: The parser's own.
        values: That configs and flags give, by the names that are typed.
    """

    def rows(chosen: Iterable[Action]) -> dict[str, str]:
        return dict(_row(action, values) for action in chosen)

    known = {action.dest: action for action in actions}
    lines = [f"usage: kindling {command} --config TASK [--config PRESET] [--SETTING=VALUE ...]"]
    for part, kind in pair.classes.items():
        own = [action for name, action in pair.options.items() if name.startswith(f"{part}.")]
        lines += _section(f"{part}: {kind.__name__}", rows(own))
    lines += _section("trainer", rows(known[f"trainer.{name}"] for name in TRAINER))
    plain = [action for name, action in known.items() if "." not in name and name not in SECTIONS]
    return "\n".join([*lines, *_section("shared", SHARED | rows(plain))])


def _row(action: Action, values: Mapping[str, Any]) -> tuple[str, str]:
    """An option as it is typed, with choices and value, and the first sentence of its help."""
    names = f" {action.metavar}" if str(action.metavar).startswith("{") else ""
    names = names.replace(" {true,false}", "")
    value = values.get(action.dest, action.default)
    plain = list(value) if isinstance(value, tuple) else value
    with suppress(yaml.YAMLError):  # an object, that a class has for a default
        shown = yaml.safe_dump(plain, default_flow_style=True, width=1000)
        value = value if isinstance(value, str) else shown.removesuffix("...\n").strip()
    return f"--{action.dest}{names}={value}", (action.help or "").partition(". ")[0]


def _section(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    """A title and a line a row, aligned as far as most of them reach."""
    yield from ("", title)
    column = min(max(map(len, rows), default=0), 34)
    width = shutil.get_terminal_size((100, 24)).columns
    for name, doc in rows.items():
        line = f"  {name:<{column}}  {' '.join(doc.split())}".rstrip()
        yield line if len(line) <= width else f"{line[: width - 4].rpartition(' ')[0]} ..."


def _described(folder: Path) -> dict[str, str]:
    """The configs of a folder, each with the comment in its first line."""
    files = {name: folder / f"{name}.yaml" for name in arguments.names(folder)}
    return {n: f.read_text().partition("\n")[0].lstrip("# ").strip() for n, f in files.items()}
