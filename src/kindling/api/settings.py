"""A run's settings by the names that are typed, and those in which runs differ.

Nothing here imports torch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from kindling.cli import settings as layers

Settings = dict[str, Any]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

CLASSES = ("optimizer", "lr_scheduler")
"""Settings that name a class, as model and data do, but may be null."""

WHERE = ("logs", "threads", "trainer.enable_progress_bar", "trainer.logger", "data.input")
"""Settings of where and how a run is made, not of what is trained."""

PAIRED = ("seed_everything", "data.fold")
"""Settings in which runs of one variant differ."""


def flat(content: Mapping[str, Any]) -> Settings:
    """``{"model": {"class_path": "C", "init_args": {"lr": 1}}}``: model=C, model.lr=1."""
    apart = tuple(f"{name}." for name in WHERE)
    return {k: v for k, v in layers.flat(content) if not f"{k}.".startswith(apart)}


def differing(runs: Sequence[Settings], beside: Sequence[str] = PAIRED) -> list[str]:
    """Names of the settings that are not the same in all runs."""
    names = dict.fromkeys(name for run in runs for name in run if name not in beside)
    return [name for name in names if any(run.get(name) != runs[0].get(name) for run in runs)]
