"""The Trainer of a command: callbacks, loggers and plugins of the configuration, and ours."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch import callbacks as stock
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.io import AsyncCheckpointIO, CheckpointIO

from kindling.cli.parsing import ParsingCLI
from kindling.errors import UserError
from kindling.evaluation.callback import Evaluation
from kindling.runs import checkpoints, loggers, loop_state
from kindling.runs import folder as runs
from kindling.runs.metrics_table import MetricsTable
from kindling.runs.run_checkpoints import RunCheckpoints
from kindling.runs.tensorboard import TensorBoard
from kindling.training.callbacks import GradientNorms, Warmup
from kindling.training.exact_resume import ExactResume
from kindling.training.graceful_stop import GracefulStop
from kindling.training.overhead import NoProfiler
from kindling.training.progress import RunProgressBar
from kindling.training.warm_start import Freeze

PLAIN_PRECISION = {"bf16-true": "32-true", "16-true": "32-true"}
"""Evaluation of a model trained in half precision: its targets would be rounded too."""

IN_TRAINING = (stock.Checkpoint, stock.StochasticWeightAveraging, stock.WeightAveraging)
"""Callbacks of training alone, some of which fail elsewhere."""

OF_RUN = {"monitor", "mode", "save_weights_only", "save_last", "verbose", "enable_version_counter"}
"""Settings of ``checkpoint`` that concern the run's own two checkpoints."""


class TrainerCLI(ParsingCLI):
    """Makes a Trainer that writes into ``folder``, below ``logs``."""

    folder: Path
    logs: Path

    def _make_trainer(self) -> Trainer:
        settings = self._get(self.config_init, "trainer")
        ours: dict[str, Any] = {
            "default_root_dir": self.folder,
            "callbacks": [*self._first_callbacks(), *_as_list(settings.callbacks)],
        }
        if not settings.barebones:
            ours |= {
                "profiler": settings.profiler or NoProfiler(),
                "logger": self._loggers(self.settings.trainer.logger) or False,
                "plugins": self._plugins(_as_list(settings.plugins)),
                "callbacks": self._callbacks(ours["callbacks"]),
            }
        if self.command != "fit":
            # Several processes would repeat samples to fill the last batch, and score them twice.
            ours |= {"devices": 1, "num_nodes": 1, "strategy": "auto"}
            ours["enable_checkpointing"] = False
            ours["precision"] = PLAIN_PRECISION.get(settings.precision, settings.precision)
        elif "spawn" in str(settings.strategy) or "fork" in str(settings.strategy):
            how = "processes are started as commands of their own here; use ddp"
            raise UserError(f"trainer.strategy={settings.strategy}: {how}")
        try:
            return self.instantiate_trainer(**ours)
        except (TypeError, ValueError, ModuleNotFoundError) as error:
            raise UserError(f"trainer: {error}") from error

    def _first_callbacks(self) -> Iterator[Callback]:
        """Callbacks of another run's weights, of frozen parts and of the warm-up."""
        if self.warm_start:
            yield self.warm_start
        if self.command == "fit" and (frozen := self.settings.freeze):
            yield Freeze([frozen] if isinstance(frozen, str) else frozen)
        if self.command == "fit" and (steps := self.settings.lr_scheduler_config.warmup):
            yield Warmup(steps)

    def _plugins(self, chosen: list[Any]) -> list[Any]:
        """The chosen ones, and by default one that writes checkpoints whole or not at all."""
        writes = checkpoints.AtomicCheckpointIO()
        for plugin in chosen:
            if isinstance(plugin, AsyncCheckpointIO) and plugin.checkpoint_io is None:
                plugin.checkpoint_io = writes
        others = any(isinstance(plugin, CheckpointIO) for plugin in chosen)
        return chosen if others else [*chosen, writes]

    def _loggers(self, chosen: Any) -> list[Logger]:
        """The chosen ones, then ours; none with ``--trainer.logger=false``."""
        step = loop_state.steps(self.origin)
        self.tensorboard = TensorBoard(self.folder, step)
        self.table = MetricsTable(self.folder / "metrics.csv", step)
        # A prediction logs nothing, but other loggers would begin a run.
        others = chosen if self.command != "predict" else None
        self.chosen = loggers.make(others, self.folder, self.logs)
        listed: list[Logger] = [*self.chosen]
        if chosen is not False and (self.command == "fit" or self.given_run):
            listed.append(self.tensorboard)
        return [*listed, self.table] if self.command == "fit" else listed

    def _callbacks(self, chosen: list[Callback]) -> list[Callback]:
        settings, fits = self.settings.trainer, self.command == "fit"
        # Lightning's finder would start a resumed run from its beginning.
        left_out = IN_TRAINING if not fits else stock.LearningRateFinder if self.checkpoint else ()
        callbacks = [c for c in chosen if not isinstance(c, left_out)]
        bar = any(isinstance(callback, stock.ProgressBar) for callback in callbacks)
        if settings.enable_progress_bar is not False and not bar:
            callbacks.append(RunProgressBar())
        if not fits:
            source = getattr(self.datamodule, "input", None) or Path("test.csv")
            output = runs.predictions(self.folder, source)
            step = self.origin.get("global_step", 0)
            self.evaluation = Evaluation(self.folder, self.task, self.checkpoint, step, output)
            return [*callbacks, self.evaluation]
        self.evaluation = Evaluation(self.folder, self.task)
        callbacks += [
            ExactResume(self.task, self.config_yaml),
            GracefulStop(self.folder),
            GradientNorms(),
            self.evaluation,
            self._get(self.config_init, "early_stopping"),
        ]
        if settings.enable_checkpointing is not False:
            callbacks += self._checkpoint_callbacks(callbacks)
        return callbacks

    def _checkpoint_callbacks(self, others: list[Callback]) -> Iterator[Callback]:
        """For the run's two checkpoints, and for more where the settings ask for them."""
        chosen = self.settings.checkpoint
        folder = chosen.dirpath or self.folder / runs.BEST.parent
        settings = {**chosen.as_dict(), "dirpath": folder, "save_last": None}
        try:
            asked = stock.ModelCheckpoint(**settings)  # in any case, for it checks the settings
        except MisconfigurationException as error:
            raise UserError(f"checkpoint: {error}") from error
        yield RunCheckpoints(self.folder, chosen.monitor, chosen.mode, chosen.save_weights_only)
        defaults = inspect.signature(stock.ModelCheckpoint).parameters
        changed = {k for k, v in chosen.items() if v != defaults[k].default} - OF_RUN
        if chosen.filename == "best":
            changed.discard("filename")
        for callback in others:
            if isinstance(callback, stock.ModelCheckpoint) and callback.dirpath is None:
                callback.dirpath = str(self.folder / runs.BEST.parent)
        if changed:
            yield asked


def _as_list(value: Any) -> list[Any]:
    """The values of a setting that may be none, one or a list."""
    return [] if value in (None, False) else value if isinstance(value, list) else [value]
