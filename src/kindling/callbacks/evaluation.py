"""Collects what a split yields batch by batch, and reports it at the end."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from matplotlib import rc_context
from torch import Tensor

from kindling import results
from kindling.datamodule import DataModule, Split
from kindling.logger import TensorBoard
from kindling.loggers import log_figure
from kindling.module import Module, Outcome


class Evaluation(Callback):
    """Writes results, predictions and figures of what is tested, validated or predicted.

    In training, figures of the validation split are drawn after the epochs 1, 4, 16, 64, ...: often
    enough to watch, too rarely to cost much; of several processes, the first draws its own share.

    Args:
        run: The run's folder.
        checkpoint: What is evaluated; none in training.
        output: Where predictions of raw input go.
        step: That the checkpoint was taken at.
    """

    def __init__(
        self, run: Path, checkpoint: Path | None = None, output: Path = Path(), step: int = 0
    ) -> None:
        self.run, self.checkpoint, self.output, self.step = run, checkpoint, output, step
        self.results: results.Results | None = None
        self._batches: list[Outcome] = []

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        drawn = trainer.is_global_zero and not trainer.sanity_checking
        if self.checkpoint or (drawn and _drawn(trainer.current_epoch + 1)):
            self._batches.append(outputs)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.checkpoint:
            self._log_step(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._batches:
            return
        if self.checkpoint is None:
            self._draw(trainer, "val", self._gather())
        else:
            self._report(trainer, "val", "results_val.json")

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        self._batches.append(outputs)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._log_step(pl_module)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        outcome = self._report(trainer, "test", "results.json")
        self._draw(trainer, "test", outcome, self.run / "figures")
        self._write_predictions(trainer, "test", outcome, self.run / "predictions.csv")

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        self._batches.append(outputs)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write_predictions(trainer, "predict", self._gather(), self.output)

    def _log_step(self, module: LightningModule) -> None:
        """Let the scores stand at the checkpoint's step, where the Trainer has not taken any."""
        module.log("step", float(self.step))

    def _gather(self) -> Outcome:
        batches, self._batches = self._batches, []
        return gathered(batches)

    def _report(self, trainer: Trainer, split: Split, file: str) -> Outcome:
        module, data = _pair(trainer)
        assert self.checkpoint is not None
        outcome = self._gather()
        inside = self.checkpoint.is_relative_to(self.run)
        self.results = {
            "task": data.task,
            "split": split,
            "checkpoint": str(self.checkpoint.relative_to(self.run) if inside else self.checkpoint),
            "data": {"root": str(data.root), "sample": data.is_sample, "sha256": data.fingerprint},
            **results.evaluate(module, outcome, data.block_length(len(outcome.place))),
        }
        results.write_json(self.run / file, self.results)
        scores = {name: score["value"] for name, score in self.results["metrics"].items()}
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoard):
                logger.log_final(split, scores, self.step)
        return outcome

    def _draw(
        self, trainer: Trainer, split: Split, outcome: Outcome, folder: Path | None = None
    ) -> None:
        module, data = _pair(trainer)
        rows = data.describe(split, outcome.place)
        # A dollar in the name of a class or a column is no formula.
        with rc_context({"text.parse_math": False}):
            for name, figure in module.figures(rows, outcome).items():
                log_figure(trainer.loggers, split, name, figure, self.step or trainer.global_step)
                if folder is not None:
                    folder.mkdir(exist_ok=True)
                    figure.savefig(folder / f"{name}.png", dpi=150)

    def _write_predictions(
        self, trainer: Trainer, split: Split, outcome: Outcome, path: Path
    ) -> None:
        module, data = _pair(trainer)
        rows = data.describe(split, outcome.place)
        table = results.predictions_table(module, rows, data.target_names, outcome)
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file's name need not be UTF-8, and stands there as it is.
        table.to_csv(path, index=False, errors="surrogateescape")


def gathered(batches: Sequence[Outcome]) -> Outcome:
    """All batches as one, on the CPU."""
    first = batches[0]
    return Outcome(
        _cat(batches, lambda b: b.place),
        {h: _cat(batches, lambda b, h=h: b.predictions[h]) for h in first.predictions},
        {h: _cat(batches, lambda b, h=h: b.targets[h]) for h in first.targets},
        {
            name: {h: _cat(batches, lambda b, n=name, h=h: b.baselines[n][h]) for h in heads}
            for name, heads in first.baselines.items()
        },
    )


def _drawn(epoch: int) -> bool:
    """Whether this is a power of four."""
    return epoch & (epoch - 1) == 0 and epoch.bit_length() % 2 == 1


def _cat(batches: Sequence[Outcome], part: Callable[..., Tensor]) -> Tensor:
    return torch.cat([part(batch) for batch in batches]).cpu()


def _pair(trainer: Trainer) -> tuple[Module, DataModule]:
    module, data = trainer.lightning_module, trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(module, Module)
    assert isinstance(data, DataModule)
    return module, data
