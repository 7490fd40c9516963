"""A command: its run folder, training or evaluation, and what is recorded of it."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities.model_helpers import is_overridden

from kindling.cli import processes
from kindling.cli.arguments import Invocation
from kindling.cli.process import leave_group, quiet, rank, setting_errors, signals
from kindling.cli.report import conclude, hyperparameters, introduce
from kindling.cli.settings import shown
from kindling.cli.together import together
from kindling.cli.trainer import TrainerCLI
from kindling.data.datamodule import DataModule
from kindling.errors import Stopped, UserError
from kindling.runs import checkpoints, loggers, loop_state
from kindling.runs import folder as runs
from kindling.runs.provenance import recorded
from kindling.runs.run_checkpoints import RunCheckpoints
from kindling.runs.tensorboard import TensorBoard, writer_errors
from kindling.training.module import Module
from kindling.training.overhead import keep_freed


def run(invocation: Invocation, kind: type["KindlingCLI"] | None = None) -> "KindlingCLI":
    """Run a command; ``train`` is ``fit``, then ``test`` of the best checkpoint."""
    kind = kind or KindlingCLI
    trains = invocation.command == "train"
    with quiet(), signals(), writer_errors():
        cli = _run(replace(invocation, command="fit") if trains else invocation, kind)
        if trains and not rank() and cli.can_be_tested():
            with _after_training(cli.folder):
                # Not the run's own file, in which secrets are masked.
                flags = [f"--config={shown(cli.unmasked)}"]
                cli = _run(Invocation("test", flags, cli.folder, cli.folder / runs.BEST), kind)
    conclude(cli)
    return cli


@contextmanager
def _after_training(run: Path) -> Iterator[None]:
    """A signal after training: the message says how to test what was trained."""
    try:
        yield
    except (Stopped, KeyboardInterrupt) as error:
        signum = error.status - 128 if isinstance(error, Stopped) else signal.SIGINT
        how = f"stopped by {signal.Signals(signum).name} after training"
        score = f"score it with: make evaluate RUN={runs.shown(run)}"
        raise Stopped(f"{how}; {score}", signum) from error


def _run(invocation: Invocation, kind: type["KindlingCLI"]) -> "KindlingCLI":
    with setting_errors():
        cli = kind(invocation)
    leave_group()
    return cli


class KindlingCLI(TrainerCLI):
    """One command over one run, of any LightningModule and LightningDataModule.

    ``fit`` makes a run folder once data and model are valid; other commands, and ``fit --run``, use
    the folder of the given run. Classes that derive from our bases have more: data checked
    before there is a folder, scores with intervals, figures, exact resume.
    """

    tunes_process = True
    """Whether the process is this command's alone, so that its memory may be managed for it."""

    def __init__(self, invocation: Invocation) -> None:
        with ExitStack() as self.locks:
            if invocation.command == "fit" and invocation.run:
                self._lock(invocation.run)  # before its checkpoint is read
            super().__init__(invocation)

    def _lock(self, run: Path) -> None:
        if not rank():  # for all processes of a run
            self.locks.enter_context(runs.locked(run))

    def instantiate_classes(self) -> None:
        # First of all, so that wrong data leave no run folder behind.
        self._make_pair()
        if self.tunes_process and not torch.cuda.is_available():
            keep_freed()  # not before: most of what reading files took can go back
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
            self._lock(run := runs.create(self.logs, self.task))
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

    def after_instantiate_classes(self) -> None:
        with self._discard_unused():
            if self.command == "fit":
                self._fit()
            elif not rank():  # several processes would score some samples twice
                predicts = self.command == "predict"
                if self.given_run and not predicts:
                    loggers.begin(self.chosen, self.folder, self.whole)
                silent = "return_predictions" if predicts else "verbose"
                self._run_trainer(self.command, **{silent: False})

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
            self._log_missing_row()
            if self._has_tensorboard():
                self.tensorboard.log_settings(hyperparameters(self))
        if isinstance(self.model, Module):
            self.model.resumed = self.checkpoint is not None
        try:
            part = processes.Part(os.getpid(), self.folder, self.makes_run, self.invocation)
            with self._recorded(), together(self.trainer, part):
                self._run_trainer("fit")
        except TypeError as error:
            # A model for other data fails at our named tuple, with an obscure message.
            found = re.search(r"must be Tensor, not (\w+Batch)", str(error))
            if isinstance(self.model, Module) or not found:
                raise
            model, data = type(self.model).__name__, type(self.datamodule).__name__
            raise UserError(f"model={model}: takes no {found[1]} from {data}: {error}") from error
        if self._has_tensorboard():
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

    def _log_missing_row(self) -> None:
        """Scores of the checkpoint's epoch that a killed run had not yet written."""
        state = self.origin.get("callbacks", {}).get(RunCheckpoints.state_key, {})
        on = self.given_run and self.table in self.trainer.loggers
        row = self.table.missing(state.get("logged", {})) if on else {}
        if self._has_tensorboard():
            self.tensorboard.forget_later_steps(row)
        for logger in self.trainer.loggers if row else ():
            epoch = {"epoch": self.origin["epoch"]}
            logger.log_metrics({**row, **epoch}, loop_state.steps(self.origin) - 1)

    def _has_tensorboard(self) -> bool:
        """Whether the run's TensorBoard is on."""
        return any(isinstance(logger, TensorBoard) for logger in self.trainer.loggers)

    def keeps_run(self) -> bool:
        """Whether the run keeps anything, which development and bare runs do not."""
        settings = self.settings.trainer
        return not (settings.fast_dev_run or settings.barebones)

    def can_be_tested(self) -> bool:
        """Whether ``fit`` has left a checkpoint, and there is a test."""
        parts = {"test_step": self.model, "test_dataloader": self.datamodule}
        has_test = all(is_overridden(name, part) for name, part in parts.items())
        return has_test and (self.folder / runs.BEST).is_file()
