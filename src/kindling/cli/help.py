"""Help that fits a screen; what the parser says in 500 lines stays at ``--help=all``."""

import inspect
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kindling.cli import arguments
from kindling.cli.settings import shown
from kindling.data import paths

if TYPE_CHECKING:
    from kindling.cli.parser import Layers

TRAINER = {
    "max_epochs": "Epochs after which training stops.",
    "accelerator": "cpu, gpu, mps, ...; auto is the best there is.",
    "devices": "How many, or which ones.",
    "precision": "32-true, 16-mixed, bf16-mixed, bf16-true, 64-true, ...",
    "gradient_clip_val": "Largest norm of all gradients together; null is any.",
}
SHARED = {
    "--config=NAME|FILE": "A task, a preset or a YAML file; a later one overrides.",
    "--run=DIR": "A run whose config and checkpoint to use, and to write into.",
    "--ckpt_path=FILE": "A checkpoint, where it is not the run's best (fit: last).",
    "--from_run=DIR": "A run whose weights a new one starts from.",
    "--freeze=[PART, ...]": "Parts of the model that are not trained.",
    "--optimizer=SGD": "Any of torch's, in place of AdamW: --optimizer.lr=0.1 ...",
    "--lr_scheduler=OneCycleLR": "Any of torch's, in place of the default's schedule.",
    "--early_stopping.patience=N": "Epochs without a better score before training stops.",
    "--seed_everything=N": "Of weights, order and augmentation.",
    "--print_config": "Print the whole configuration and stop.",
    "--help=all": "Every option that there is.",
}


def wanted(args: list[str]) -> bool:
    """Whether ``args`` ask for help, and not on the settings of a task."""
    rest = [arg for arg in args if arg not in ("-h", "--help", "help")]
    return not rest or (rest != args and len(rest) == 1 and rest[0] in arguments.COMMANDS)


def overview() -> str:
    """Commands, tasks, presets and three examples. Imports no torch: a person is waiting."""
    lines = [
        "kindling: problem shapes on one PyTorch Lightning engine",
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
    return "\n".join(lines)


def of_command(command: str, layers: "Layers") -> str:
    """The settings that a command takes, with what configs and flags make of them."""
    from lightning.pytorch import Trainer

    def row(name: str, default: Any, choices: str = "") -> str:
        closed = f" {choices}" if choices[:1] == "{" and choices != "{true,false}" else ""
        return f"--{name}{closed}={shown(layers.values.get(name, default))}"

    lines = [f"usage: kindling {command} --config TASK [--config PRESET] [--SETTING=VALUE ...]"]
    for part, kind in layers.classes.items():
        rows = {
            row(name, action.default, str(action.metavar)): (action.help or "").partition(". ")[0]
            for name, action in layers.options.items()
            if name.startswith(f"{part}.")
        }
        lines += _section(f"{part}: {kind.__name__}", rows)
    known = inspect.signature(Trainer).parameters
    rows = {row(f"trainer.{name}", known[name].default): doc for name, doc in TRAINER.items()}
    return "\n".join([*lines, *_section("trainer", rows), *_section("shared", SHARED)])


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
