"""Loggers that a user adds to ours: W&B, MLflow, any of Lightning's, or one of the user's own.

A run is one run there too, for training, resume and test: ``loggers.json`` in its folder has the
identity that each logger gave it.
"""

import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from lightning.pytorch import loggers as stock
from lightning.pytorch.loggers import Logger
from matplotlib.figure import Figure

from kindling.errors import UserError, require_package
from kindling.runs.folder import read_json, write_json
from kindling.runs.tensorboard import TensorBoard

FILE = "loggers.json"

EXTRAS = {"WandbLogger": ("wandb", "wandb"), "MLFlowLogger": ("mlflow", "mlflow-skinny")}
"""Module and package by the logger's class; the extra is called as the module."""

# Names of loggers' arguments; an identity is the value of ``version``.
IDENTITIES = ("id", "run_id", "experiment_key", "version")
FOLDERS = ("save_dir", "root_dir", "dir", "offline_directory")
TITLES = ("run_name", "name")

UNSET = (None, ".", "./mlruns")
"""Defaults, which as folders would be in the current one."""

HANDLED_WARNINGS = "There is a wandb run already in progress|Experiment logs directory"
"""Of W&B's and the CSV logger."""


def make(chosen: Any, folder: Path, logs: Path) -> list[Logger]:
    """The loggers of ``trainer.logger``, with the run's folder and the run to continue.

    The setting is a class with its arguments, a list of these, or whether there is a logger.
    """
    identities = read_json(folder / FILE)
    listed = chosen if isinstance(chosen, list) else [chosen]
    classes = [entry for entry in listed if entry not in (None, True, False)]
    return [_make(entry.clone(), folder, logs, identities) for entry in classes]


def begin(
    loggers: Iterable[Logger], folder: Path, settings: Mapping[str, Any], step: int | None = None
) -> None:
    """Let each logger begin or continue its run, and save the run's identity.

    The settings are logged when a run begins, and when its training continues from ``step``.
    """
    identities: dict[str, list[Any]] = read_json(folder / FILE)
    for logger in loggers:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", HANDLED_WARNINGS)
            _ = getattr(logger, "experiment", None)  # without which some have no name for the run
        logger.save()
        runs = identities.setdefault(type(logger).__name__, [])
        new = logger.version not in runs
        runs += [logger.version] if new else []
        # In MLflow a setting stays what it was first.
        if new or (step is not None and not isinstance(logger, stock.MLFlowLogger)):
            logger.log_hyperparams(dict(settings))
    if identities:
        write_json(folder / FILE, identities)


def log_figure(loggers: Iterable[Logger], stage: str, name: str, figure: Figure, step: int) -> None:
    """Show a figure wherever figures can be shown."""
    for logger in loggers:
        match logger:
            case TensorBoard():
                logger.log_figure(stage, name, figure, step)
            case stock.TensorBoardLogger():
                logger.experiment.add_figure(f"{stage}/{name}", figure, step, close=False)
            case stock.WandbLogger():
                logger.log_image(f"{stage}/{name}", [figure], step)
            case stock.MLFlowLogger():
                file = f"figures/{stage}/{name}_{step}.png"
                logger.experiment.log_figure(logger.run_id, figure, file)


def _make(entry: Namespace, folder: Path, logs: Path, identities: dict[str, list[Any]]) -> Logger:
    name = entry.class_path.rpartition(".")[2]
    if name in EXTRAS:
        module, package = EXTRAS[name]
        require_package(f"trainer.logger={name}", module, package, module)
    # Two of a class have a run each, in this order. Lightning's CSV logger deletes what it finds in
    # its folder, and has another for each command.
    run = identities[name].pop(0) if identities.get(name) and name != "CSVLogger" else None
    _fill_in(entry.get("init_args", {}), folder, logs, run)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--logger", type=Logger)
    try:
        config = Namespace({"logger": entry})  # type: ignore[no-untyped-call]
        logger: Logger = parser.instantiate_classes(config).logger
    except (ImportError, TypeError, ValueError) as error:
        raise UserError(f"trainer.logger={name}: {' '.join(str(error).split())}") from error
    if isinstance(logger, stock.WandbLogger):
        # W&B has one run a process; another one has to be finished first.
        wandb = sys.modules["wandb"]
        if wandb.run is not None and wandb.run.id != logger.version:
            wandb.finish()
    return logger


def _fill_in(init: Any, folder: Path, logs: Path, run: str | int | None) -> None:
    """Set the folder, the run and its title, where the user has not."""
    chosen = {
        **dict.fromkeys(FOLDERS, str(folder)),
        **dict.fromkeys(IDENTITIES, run),
        **dict.fromkeys(TITLES, f"{folder.parent.name}-{folder.name}"),
        "resume": "allow",
    }
    if init.get("tracking_uri", "") is None:
        # One for all runs, by which they can be compared; MLflow takes no folder any more.
        chosen["tracking_uri"] = f"sqlite:///{(logs.absolute() / 'mlflow.db').as_posix()}"
        chosen["artifact_location"] = (logs.absolute() / "mlflow").as_uri()
    for name in chosen.keys() & init.keys():
        init[name] = chosen[name] if init[name] in UNSET else init[name]
