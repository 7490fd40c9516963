"""Help that fits a screen and comes at once: it reads sources and configs, and imports neither.

What Lightning's own parser says in 500 lines stays one option away: ``--help=all``.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kindling import arguments, checks, paths, signatures

TRAINER = {
    "max_epochs": "Stop after this many epochs.",
    "max_time": "Stop after this long: DD:HH:MM:SS.",
    "accelerator": "cpu, gpu, auto.",
    "precision": "32-true, bf16-mixed, 16-mixed.",
    "gradient_clip_val": "Clip the gradient's norm.",
    "limit_train_batches": "Batches, or share, of an epoch.",
}
SHARED = {
    "--config NAME|FILE": "A task, a preset or a YAML file; a later one overrides.",
    "--seed_everything N": "Seed of weights and order (default: 0).",
    "--early_stopping.patience N": "Epochs without a better score before training stops.",
    "--threads N": "CPU threads of torch (default: one or all, whichever a step is faster with).",
    "--logs DIR": "Where runs are written (default: logs).",
    "--run DIR": "A run whose config and checkpoint to use, and to write into.",
    "--ckpt_path FILE": "A checkpoint, where it is not the run's best (fit: last).",
    "--print_config": "Print the whole configuration and stop.",
    "--help=all": "Every option of the Trainer too.",
}


def wanted(args: list[str]) -> bool:
    """Whether ``args`` ask for this help rather than for a command."""
    return not args or args[0] == "help" or any(flag in ("-h", "--help") for flag in args)


def text(args: list[str]) -> str:
    """Help on everything, or on the command and configs in ``args``."""
    args = [arg for arg in args if arg not in ("-h", "--help", "help")]
    if not args:
        return overview()
    command, flags = arguments.split(args)
    return "\n".join(_of_command(command, arguments.configs(flags)))


def overview() -> str:
    """Commands, tasks, presets and three examples."""
    return "\n".join(
        [
            "kindling: problem shapes on one PyTorch Lightning spine",
            "",
            "usage: kindling COMMAND [--config TASK] [--config PRESET] [--SETTING=VALUE ...]",
            *_section("commands", arguments.COMMANDS),
            *_section("tasks", _tasks()),
            *_section("presets", _described(paths.PRESETS)),
            "",
            "examples",
            "  kindling train --config timeseries --model.cell=gru --trainer.max_epochs=5",
            "  kindling test --run logs/timeseries/latest",
            "  kindling fit --config timeseries --help",
        ]
    )


def _of_command(command: str, configs: list[Path]) -> Iterator[str]:
    yield f"kindling {command}: {arguments.COMMANDS[command]}"
    yield ""
    yield f"usage: kindling {command} --config TASK [--config PRESET] [--SETTING=VALUE ...]"
    merged = signatures.merged(configs)
    computed = {"model": checks.linked(configs, []), "data": []}
    for part in checks.PARTS:
        if class_path := merged.get(part, {}).get("class_path"):
            given = merged[part].get("init_args", {})
            shown = _of_class(part, class_path, given, computed[part])
            yield from _section(f"{part}: {class_path.rpartition('.')[2]}", shown)
    if "model" not in merged:
        yield from _section("tasks; --config TASK --help shows the settings of one", _tasks())
    trainer = merged.get("trainer", {})
    options = {
        f"--trainer.{name}" + _default(trainer.get(name)): doc for name, doc in TRAINER.items()
    }
    yield from _section("trainer", options)
    yield from _section("shared", SHARED)


def _of_class(
    part: str, class_path: str, given: Mapping[str, Any], computed: Sequence[str]
) -> dict[str, str]:
    options = {}
    for setting in signatures.settings(class_path):
        if setting.name in computed:
            continue
        choices = " {" + ",".join(setting.choices) + "}" if setting.choices else ""
        default = _default(given.get(setting.name, setting.default))
        options[f"--{part}.{setting.name}{choices}{default}"] = setting.doc
    return options


def _default(value: Any) -> str:
    if isinstance(value, str):
        return f"={value}"
    plain = list(value) if isinstance(value, tuple) else value
    shown = yaml.safe_dump(plain, default_flow_style=True, width=1000)
    return "=" + shown.removesuffix("...\n").strip()


def _section(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    """A title and aligned rows; a name too long for its column takes a line."""
    yield ""
    yield title
    column = min(max(map(len, rows), default=0), 34) + 4
    for name, doc in rows.items():
        lines = textwrap.wrap(" ".join(doc.split()), 100 - column) or [""]
        if len(name) + 4 > column:
            yield f"  {name}"
            name = ""
        yield f"  {name:<{column - 2}}{lines[0]}".rstrip()
        yield from (" " * column + line for line in lines[1:])


def _tasks() -> dict[str, str]:
    return _described(paths.CONFIGS)


def _described(folder: Path) -> dict[str, str]:
    """The configs of a folder, each with the comment in its first line."""
    return {name: _first_comment(folder / f"{name}.yaml") for name in arguments.names(folder)}


def _first_comment(path: Path) -> str:
    return path.read_text().partition("\n")[0].removeprefix("#").strip()
