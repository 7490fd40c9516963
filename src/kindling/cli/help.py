"""Help that fits on a screen; ``--help=all`` is the parser's own, of 500 lines."""

import re
import shutil
from argparse import Action, ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kindling.cli import arguments, tools
from kindling.cli.settings import shown
from kindling.data import paths

if TYPE_CHECKING:
    from kindling.cli.parser import Layers

TRAINER = ("max_epochs", "accelerator", "devices", "precision", "gradient_clip_val")
SHARED = {
    "--config=NAME|FILE": "A task, a preset or a YAML file; a later one overrides.",
    "--run=DIR": "Run whose config and checkpoint are used, and which is written to.",
    "--ckpt_path=FILE": "Checkpoint, instead of the run's best (fit: last).",
    "--trust": "Allow a checkpoint outside of any run to name classes of any package.",
    "--optimizer=SGD": "Any torch optimizer, instead of AdamW: --optimizer.lr=0.1 ...",
    "--lr_scheduler=OneCycleLR": "Any torch scheduler, instead of model.schedule.",
    "--print_config": "Print the whole configuration and stop.",
    "--help=all": "Every option.",
}
"""Options that the parser does not have, or describes at length."""

OTHER = ("from_run", "freeze", "early_stopping.patience", "seed_everything", "compile", "threads")


def wanted(args: list[str]) -> bool:
    """Whether ``args`` ask for the overview, not for the settings of a task."""
    rest = [arg for arg in args if arg not in ("-h", "--help", "help")]
    known = {*arguments.COMMANDS, *tools.described()}
    return not rest or (rest != args and len(rest) == 1 and rest[0] in known)


def overview() -> str:
    """Commands, tasks, presets and three examples, without importing torch."""
    lines = [
        "kindling: problem shapes on one PyTorch Lightning engine",
        "",
        "usage: kindling COMMAND [--config TASK] [--config PRESET] [--SETTING=VALUE ...]",
        *_section("commands", arguments.COMMANDS),
        *_section("tools, each with its own --help", tools.described()),
        *_section("tasks", _described(paths.CONFIGS)),
        *_section("presets", _described(paths.PRESETS)),
        "",
        "examples",
        "  kindling train --config timeseries --model.cell=gru --trainer.max_epochs=5",
        "  kindling test --run logs/timeseries/latest",
        "  kindling fit --config timeseries --help",
    ]
    return "\n".join(lines)


def of_command(command: str, layers: "Layers", parser: ArgumentParser) -> str:
    """The settings of a command, with their values from configs and flags."""
    actions = layers.options | {action.dest: action for action in parser._actions}

    def rows(names: Iterable[str]) -> dict[str, str]:
        return dict(_row(actions[name], layers.values) for name in names)

    lines = [f"usage: kindling {command} --config TASK [--config PRESET] [--SETTING=VALUE ...]"]
    for part, kind in layers.classes.items():
        names = (name for name in layers.options if name.startswith(f"{part}."))
        lines += _section(f"{part}: {kind.__name__}", rows(names))
    lines += _section("trainer", rows(f"trainer.{name}" for name in TRAINER))
    return "\n".join([*lines, *_section("shared", SHARED | rows(OTHER))])


def _row(action: Action, values: Mapping[str, object]) -> tuple[str, str]:
    """An option with its value, and the first sentence of its description."""
    choices = f" {action.metavar}" if str(action.metavar)[:1] == "{" else ""
    value = shown(values.get(action.dest, action.default))
    if action.dest == "seed_everything":  # Lightning describes how it calls it
        return f"--{action.dest}={value}", "Seed of initial weights, order and augmentation."
    doc = re.split(r"\.\s", action.help or "")[0]
    return f"--{action.dest}{choices.replace(' {true,false}', '')}={value}", doc


def _section(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    """A title, and a line for each row, in aligned columns."""
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
