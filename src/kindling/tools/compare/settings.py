"""A run's settings by the names that are typed, and those in which runs differ.

Nothing here imports torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kindling.cli.settings import PARTS
from kindling.errors import UserError

Settings = dict[str, Any]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TRAINERS = ("optimizer", "lr_scheduler")
"""Settings that name a class, as model and data do, but may be null."""

WHERE = ("logs", "threads", "trainer.enable_progress_bar", "trainer.logger", "data.input")
"""Settings of where and how a run is made, not of what is trained."""

PAIRED = ("seed_everything", "data.fold")
"""Settings in which runs of one variant differ."""


def read(config: Path) -> Settings:
    """The settings of a run's ``config.yaml``."""
    try:
        content = yaml.load(config.read_text(), LOADER)
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{config}: cannot be read as a configuration") from error
    return flat(content)


def flat(content: Mapping[str, Any]) -> Settings:
    """``{"model": {"class_path": C, "init_args": {"lr": 1}}}`` as ``{"model": C, "model.lr": 1}``.

    What is nested deeper stays as it is.
    """
    settings = dict(_flat(content))
    return {name: value for name, value in settings.items() if name not in WHERE}


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if not isinstance(value, dict):
            yield name, value
        elif name in PARTS or "class_path" in value:
            yield name, value.get("class_path")
            yield from ((f"{name}.{k}", v) for k, v in (value.get("init_args") or {}).items())
        else:
            yield from ((f"{name}.{k}", v) for k, v in value.items())


def differing(runs: Sequence[Settings], beside: Sequence[str] = PAIRED) -> list[str]:
    """Names of the settings that are not the same in all runs."""
    names = dict.fromkeys(name for run in runs for name in run)
    return [
        name
        for name in names
        if name not in beside and any(run.get(name) != runs[0].get(name) for run in runs)
    ]


def changed(run: Settings, configured: Settings) -> Settings:
    """The settings of a run that are not as its task is configured."""
    return {
        name: value
        for name, value in run.items()
        if name in configured and value != configured[name]
    }


def shown(value: Any) -> str:
    """A value as it is typed."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return str(text).removesuffix("\n").removesuffix("\n...").strip()
