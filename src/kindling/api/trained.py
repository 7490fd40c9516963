"""``kindling.train``: a run from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kindling.api.contained import InProcess, contained, flags
from kindling.api.loaded import Run, load
from kindling.cli import arguments
from kindling.cli import lightning_cli as cli
from kindling.errors import UserError


def train(
    task: str,
    overrides: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    presets: Sequence[str] = (),
) -> Run:
    """Train a task, test its best checkpoint and return the run, as ``kindling train`` does.

    Training uses this process and one device. The run is in ``logs/<task>/version_N``.

    Args:
        task: A task's name, or a YAML file of settings.
        overrides: Settings by name that override the task's and the presets'.
        data: Folder of the data; None is the task's, or else the generated sample.
        presets: Presets by name, or YAML files of settings.

    Returns:
        The finished run.

    Raises:
        UserError: There is no such task or setting, or the data cannot be used; its
            subclass Diverged if the loss became NaN, Stopped if a signal ended training.

    Examples:
        >>> import kindling
        >>> run = kindling.train(
        ...     "potability",
        ...     overrides={"model.hidden": [8], "trainer.enable_progress_bar": False},
        ...     presets=["smoke"],
        ... )
        columns: numbers ph, Hardness, ...
        >>> sorted(run.results["metrics"])
        ['accuracy', 'auroc', 'f1', 'precision', 'recall']
    """
    names = [presets] if isinstance(presets, str) else presets
    configs = [f"--config={name}" for name in (task, *names)]
    root = {} if data is None else {"data.root": Path(data).expanduser().absolute()}
    settings = [*flags({"trainer.devices": 1, **root}), *flags(overrides)]
    with contained():
        done = cli.run(arguments.read(["train", *configs, *settings]), InProcess)
    if not done.folder.is_dir():
        raise UserError("trained, but nothing was kept (trainer.fast_dev_run, barebones)")
    return load(done.folder)
