"""LightningCLI, closed where it goes on with a wrong result. Knows data and model together."""

import inspect
import os
import re
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch import callbacks as stock
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.io import AsyncCheckpointIO, CheckpointIO
from lightning.pytorch.utilities.model_helpers import is_overridden

from kindling.cli import processes
from kindling.cli.arguments import Invocation
from kindling.cli.numbers import setting_errors
from kindling.cli.parsing import ParsingCLI
from kindling.cli.process import leave_group, lightning_errors, quiet, rank, signals
from kindling.cli.report import conclude, hyperparameters, introduce
from kindling.cli.settings import shown
from kindling.cli.together import together
from kindling.data.datamodule import DataModule
from kindling.errors import Stopped, UserError
from kindling.evaluation.callback import Evaluation
from kindling.runs import checkpoints, loggers, loop_state
from kindling.runs import folder as runs
from kindling.runs.metrics_table import MetricsTable
from kindling.runs.provenance import recorded
from kindling.runs.run_checkpoints import RunCheckpoints
from kindling.runs.tensorboard import TensorBoard, writer_errors
from kindling.training.exact_resume import ExactResume
from kindling.training.graceful_stop import GracefulStop
from kindling.training.gradients import GradientNorms
from kindling.training.module import Module
from kindling.training.overhead import NoProfiler, keep_freed
from kindling.training.progress import RunProgressBar
from kindling.training.warm_start import Freeze
from kindling.training.warmup import Warmup

PLAIN_PRECISION = {"bf16-true": "32-true", "16-true": "32-true"}
"""What evaluates a model that was trained in half precision: its targets would be rounded too."""

IN_TRAINING = (stock.Checkpoint, stock.StochasticWeightAveraging, stock.WeightAveraging)
"""Callbacks that have nothing to do outside of it, and some of which fail there."""


def run(invocation: Invocation, kind: type["KindlingCLI"] | None = None) -> "KindlingCLI":
    """Run a command; ``train`` is ``fit``, then ``test`` of the best checkpoint."""
    kind = kind or KindlingCLI
    trains = invocation.command == "train"
    with quiet(), signals(), writer_errors():
        cli = _run(replace(invocation, command="fit") if trains else invocation, kind)
        if trains and not rank() and cli.can_be_tested():
            with _trained(cli.folder):
                # As it was given: the run's own file lacks what is secret.
                flags = [f"--config={shown(cli.unmasked)}"]
                cli = _run(Invocation("test", flags, cli.folder, cli.folder / runs.BEST), kind)
    conclude(cli)
    return cli


@contextmanager
def _trained(run: Path) -> Iterator[None]:
    """Let a signal that comes when training is over say what is left to do."""
    try:
        yield
    except (Stopped, KeyboardInterrupt) as error:
        signum = error.status - 128 if isinstance(error, Stopped) else signal.SIGINT
        how = f"stopped by {signal.Signals(signum).name} when it was trained"
        score = f"score it with: make evaluate RUN={runs.shown(run)}"
        raise Stopped(f"{how}; {score}", signum) from error


def _run(invocation: Invocation, kind: type["KindlingCLI"]) -> "KindlingCLI":
    with lightning_errors(), setting_errors():
        cli = kind(invocation)
    leave_group()
    return cli


class KindlingCLI(ParsingCLI):
    """One command over one run, of any LightningModule and LightningDataModule.

    ``fit`` makes a run folder, once data and model are known to be sound; every other command, and
    ``fit --run``, works in the folder of the run that it was given. What derives from our bases
    gets more: checked data before there is a folder, scores with intervals, figures, exact resume.
    """

    tunes_process = True
    """Whether the process is this command's alone, so that its memory may be managed for it."""

    def __init__(self, invocation: Invocation) -> None:
        with ExitStack() as self.held:
            if invocation.command == "fit" and invocation.run:
                self._hold(invocation.run)  # before its checkpoint is read
            super().__init__(invocation)

    def _hold(self, run: Path) -> None:
        if not rank():  # for all processes of a run
            self.held.enter_context(runs.locked(run))

    def instantiate_classes(self) -> None:
        # Before there is a run folder: wrong data shall leave none behind.
        self._make_pair()
        if self.tunes_process and not torch.cuda.is_available():
            # From here on, and not while files are read: parts of them need not stay.
            keep_freed()
        self._check_origin()
        self.folder = self._make_folder()
        with self._discard_unused():
            self.trainer = self._make_trainer()

    def _make_folder(self) -> Path:
        # The Trainer's own setting for it will do too.
        self.logs = Path(self.settings.trainer.default_root_dir or self.settings.logs)
        if rank():
            # Of several processes the first alone writes.
            return processes.part.run if processes.part else self.logs
        if self.makes_run:
            self._hold(run := runs.create(self.logs, self.task))
            return run
        if self.given_run or self.command == "predict":
            return self.given_run or Path.cwd()
        assert self.checkpoint is not None  # which lies in no run: what it scores stays with it
        return self.checkpoint.with_name(f"{self.checkpoint.stem}-results")

    @property
    def makes_run(self) -> bool:
        """Whether the run's folder is new."""
        return self.command == "fit" and self.given_run is None

    def _discard_unused(self) -> AbstractContextManager[None]:
        made = self.makes_run and not rank()
        return runs.discard_unused(self.folder) if made else nullcontext()

    def _make_trainer(self) -> Trainer:
        settings = self._get(self.config_init, "trainer")
        ours: dict[str, Any] = {
            "default_root_dir": self.folder,
            "callbacks": [*self._start(), *_listed(settings.callbacks)],
        }
        if not settings.barebones:
            ours |= {
                "profiler": settings.profiler or NoProfiler(),
                "logger": self._loggers(self.settings.trainer.logger) or False,
                "plugins": self._plugins(_listed(settings.plugins)),
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

    def _start(self) -> Iterator[Callback]:
        """What a run starts from, and what of it stays."""
        if self.warm_start:
            yield self.warm_start
        if self.command == "fit" and (frozen := self.settings.freeze):
            yield Freeze([frozen] if isinstance(frozen, str) else frozen)
        if self.command == "fit" and (steps := self.settings.lr_scheduler_config.warmup):
            yield Warmup(steps)

    def _plugins(self, chosen: list[Any]) -> list[Any]:
        """The configuration's; a checkpoint is written whole or not at all."""
        writes = checkpoints.AtomicCheckpointIO()
        for plugin in chosen:
            if isinstance(plugin, AsyncCheckpointIO) and plugin.checkpoint_io is None:
                plugin.checkpoint_io = writes
        others = any(isinstance(plugin, CheckpointIO) for plugin in chosen)
        return chosen if others else [*chosen, writes]

    def _loggers(self, chosen: Any) -> list[Logger]:
        """Those of the configuration, then ours; ``--trainer.logger=false`` is for none."""
        step = loop_state.steps(self.origin)
        self.tensorboard = TensorBoard(self.folder, step)
        self.table = MetricsTable(self.folder / "metrics.csv", step)
        # A prediction has nothing to log, and would begin a run there all the same.
        others = chosen if self.command != "predict" else None
        self.chosen = loggers.make(others, self.folder, self.logs)
        listed: list[Logger] = [*self.chosen]
        if chosen is not False and (self.command == "fit" or self.given_run):
            listed.append(self.tensorboard)
        return [*listed, self.table] if self.command == "fit" else listed

    def _callbacks(self, chosen: list[Callback]) -> list[Callback]:
        settings, fits = self.settings.trainer, self.command == "fit"
        # Lightning's finder would begin a run that goes on from its start.
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
        """Of the run's two checkpoints, and of others where they are asked for."""
        chosen = self.settings.checkpoint
        yield RunCheckpoints(self.folder, chosen.monitor, chosen.mode, chosen.save_weights_only)
        defaults = inspect.signature(stock.ModelCheckpoint).parameters
        changed = {k for k, v in chosen.items() if v != defaults[k].default} - OF_RUN
        if chosen.filename == "best":
            changed.discard("filename")
        for callback in others:
            if isinstance(callback, stock.ModelCheckpoint) and callback.dirpath is None:
                callback.dirpath = str(self.folder / runs.BEST.parent)
        if changed:
            folder = chosen.dirpath or self.folder / runs.BEST.parent
            settings = {**chosen.as_dict(), "dirpath": folder, "save_last": None}
            yield stock.ModelCheckpoint(**settings)

    # Commands.

    def after_instantiate_classes(self) -> None:
        self._run_subcommand(self.command)

    def _run_subcommand(self, subcommand: str) -> None:
        with self._discard_unused():
            if subcommand == "fit":
                self._fit()
            elif not rank():  # a split that is shared out would be scored with samples repeated
                predicts = subcommand == "predict"
                if self.given_run and not predicts:
                    loggers.begin(self.chosen, self.folder, self.whole)
                silent = "return_predictions" if predicts else "verbose"
                self._run_trainer(subcommand, **{silent: False})

    def _run_trainer(self, method: str, **settings: Any) -> None:
        settings |= {"datamodule": self.datamodule, "ckpt_path": self.checkpoint}
        with checkpoints.fitting(self.checkpoint):
            getattr(self.trainer, method)(self.model, weights_only=True, **settings)

    def _fit(self) -> None:
        if isinstance(self.datamodule, DataModule):
            processes.require_samples(self.datamodule.sizes(), self.trainer.world_size)
        if self.trainer.is_global_zero:
            runs.write(self.folder / runs.CONFIG, self.config_yaml)
            runs.point_latest(self.folder)
            introduce(self)
            loggers.begin(self.chosen, self.folder, self.whole, loop_state.steps(self.origin))
            self._log_left_out()
            if self._shows():
                self.tensorboard.log_settings(hyperparameters(self))
                if isinstance(self.model, Module) and len(self.model.heads) > 1:
                    self.tensorboard.log_layout(list(self.model.heads))
        if isinstance(self.model, Module):
            self.model.resumed = self.checkpoint is not None
        try:
            part = processes.Part(os.getpid(), self.folder, self.makes_run, self.invocation)
            with self._recorded(), together(self.trainer, part):
                self._run_trainer("fit")
        except TypeError as error:
            # A model of another data module has no use for a named tuple, and says so obscurely.
            found = re.search(r"must be Tensor, not (\w+Batch)", str(error))
            if isinstance(self.model, Module) or not found:
                raise
            model, data = type(self.model).__name__, type(self.datamodule).__name__
            raise UserError(f"model={model}: takes no {found[1]} of {data}: {error}") from error
        if self._shows():
            chosen = self.settings.checkpoint
            best = self.table.best(chosen.monitor or "epoch", chosen.mode)
            scores = {k.removeprefix("val/"): v for k, v in best.items() if k.startswith("val/")}
            self.tensorboard.log_final("val", scores, int(best.get("step", 0)))
            self.tensorboard.finalize("success")

    def _recorded(self) -> AbstractContextManager[None]:
        if not self.trainer.is_global_zero:
            return nullcontext()
        seed = self.settings.seed_everything
        more: dict[str, Any] = {"seed": None if seed is False else seed}
        more["words"] = self.invocation.words
        if self.warm_start:
            more["parent"] = self.warm_start.provenance()
        parts = self.folder, self.trainer, self.model, self.datamodule
        return recorded(*parts, settings=self.unmasked, **more)

    def _log_left_out(self) -> None:
        """What the checkpoint's epoch had scored when it was taken, and was killed before it."""
        state = self.origin.get("callbacks", {}).get(RunCheckpoints.state_key, {})
        on = self.given_run and self.table in self.trainer.loggers
        row = self.table.lacking(state.get("logged", {})) if on else {}
        if self._shows():
            self.tensorboard.forget_later_steps(row)
        for logger in self.trainer.loggers if row else ():
            epoch = {"epoch": self.origin["epoch"]}
            logger.log_metrics({**row, **epoch}, loop_state.steps(self.origin) - 1)

    def _shows(self) -> bool:
        """Whether the run's TensorBoard is on."""
        return any(isinstance(logger, TensorBoard) for logger in self.trainer.loggers)

    def keeps_run(self) -> bool:
        """Whether there is something to keep: not of a development run, nor of a bare one."""
        settings = self.settings.trainer
        return not (settings.fast_dev_run or settings.barebones)

    def can_be_tested(self) -> bool:
        """Whether ``fit`` has left a checkpoint, and there is a test."""
        parts = {"test_step": self.model, "test_dataloader": self.datamodule}
        has_test = all(is_overridden(name, part) for name, part in parts.items())
        return has_test and (self.folder / runs.BEST).is_file()


OF_RUN = {"monitor", "mode", "save_weights_only", "save_last", "verbose", "enable_version_counter"}
"""Settings of checkpoints that say nothing of others than the run's own two."""


def _listed(value: Any) -> list[Any]:
    """Of a setting that may be nothing, one thing or several."""
    return [] if value in (None, False) else value if isinstance(value, list) else [value]
