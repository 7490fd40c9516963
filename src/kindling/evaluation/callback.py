"""Collects a split's predictions batch by batch, and reports them at the end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from matplotlib import rc_context

from kindling.data.datamodule import DataModule, SplitName
from kindling.data.dataset import BatchDataset
from kindling.data.whole import replaced
from kindling.evaluation import results
from kindling.evaluation.head_figures import draw_heads
from kindling.evaluation.predictions import Identifiers, predictions_table, write_outputs
from kindling.runs.folder import write_json
from kindling.runs.loggers import log_figure
from kindling.runs.provenance import origin
from kindling.runs.tensorboard import TensorBoard
from kindling.training.metrics import float32
from kindling.training.module import EvalOutput, Module


class Evaluation(Callback):
    """Writes results, predictions and figures of a test, a validation or a prediction.

    For a module that is not ours, or whose steps return something else, it writes what was logged
    and what ``predict_step`` returned. In training, it draws figures of the validation split after
    the epochs 1, 4, 16, 64, ..., which costs little; of several processes, the first one draws its
    own share. It draws none of a sharded model.

    ``checkpoint``, taken at ``step``, is the evaluated one, None in training. ``output`` is a file
    for predictions of raw input; None keeps them in ``predictions``.
    """

    def __init__(
        self,
        run: Path,
        task: str,
        checkpoint: Path | None = None,
        step: int = 0,
        output: Path | None = None,
    ) -> None:
        self.run, self.task, self.checkpoint, self.step = run, task, checkpoint, step
        self.output = output
        self.results: results.Results | None = None
        self.predictions: pd.DataFrame | None = None
        self._batches: list[Any] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._trainer, self._module = trainer, pl_module
        self._data: Any = trainer.datamodule  # type: ignore[attr-defined]

    def on_validation_batch_end(self, trainer: Trainer, model: Any, outputs: Any, *_: Any) -> None:
        # Only all processes together can gather sharded weights, and only one draws.
        sharded = model.device_mesh is not None
        draws = trainer.is_global_zero and not sharded and not trainer.sanity_checking
        if self.checkpoint or (draws and _is_power_of_four(trainer.current_epoch + 1)):
            self._batches.append(outputs)

    def on_test_batch_end(self, trainer: Trainer, model: Any, outputs: Any, *_: Any) -> None:
        self._batches.append(outputs)

    on_predict_batch_end = on_test_batch_end  # type: ignore[assignment]

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # So that loggers show scores at the checkpoint's step; the Trainer's own count is 0.
        if self.checkpoint is not None and trainer.loggers:
            pl_module.log("step", float(self.step), logger=True)

    on_test_epoch_end = on_validation_epoch_end

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.checkpoint is not None:
            self._score("val")
            self._write_results("val", "results_val.json")
        elif outcome := gathered(self._take()):
            self._draw("val", outcome)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if outcome := self._score("test"):
            self._draw("test", outcome, self.run / "figures")
            self._write_predictions("test", outcome, self.run / "predictions.csv")
        self._write_results("test", "results.json")  # last, when the files that it is about exist

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        batches = self._take()
        outcome = gathered(batches)
        if self.output is None:
            self.predictions = self._table("predict", outcome) if outcome else None
        elif outcome:
            self._write_predictions("predict", outcome, self.output)
        else:
            self.output = write_outputs(batches, self.output)

    def _take(self) -> list[Any]:
        batches, self._batches = self._batches, []
        return batches

    def _score(self, split: SplitName) -> EvalOutput | None:
        assert self.checkpoint is not None
        inside = self.checkpoint.is_relative_to(self.run)
        self.results = {
            "task": self.task,
            "split": split,
            "checkpoint": str(self.checkpoint.relative_to(self.run) if inside else self.checkpoint),
            "data": origin(self._data),
        }
        if (outcome := gathered(self._take())) and isinstance(self._module, Module):
            size, ours = len(outcome.indices), isinstance(self._data, DataModule)
            block = self._data.block_length(size) if ours else 1
            groups = self._data.groups(split, outcome.indices) if ours else {}
            self.results |= results.evaluate(self._module, outcome, block, groups)
        else:
            values = self._trainer.callback_metrics.items()
            logged = {name: float(value) for name, value in values if name != "step"}
            self.results |= results.logged(type(self._module).__name__, logged)
        self.run.mkdir(exist_ok=True)  # there may be none, of a checkpoint outside of any run
        return outcome

    def _write_results(self, split: SplitName, file: str) -> None:
        assert self.results is not None
        write_json(self.run / file, self.results)
        scores = {name: score["value"] for name, score in self.results["metrics"].items()}
        for logger in self._trainer.loggers:
            if isinstance(logger, TensorBoard):
                logger.log_final(split, scores, self.step)

    def _draw(self, split: SplitName, outcome: EvalOutput, folder: Path | None = None) -> None:
        rows = self._identified(split, outcome)
        if rows is None or not isinstance(self._module, Module):
            return
        # The step of the epoch's curves.
        step = self.step or max(0, self._trainer.global_step - 1)
        # A dollar in the name of a class or a column does not begin a formula.
        with rc_context({"text.parse_math": False}):
            drawn = self._module.figures(rows, outcome)
            if folder is not None and not drawn:
                drawn = draw_heads(self._module.heads, self._names(), outcome)
            for name, figure in drawn.items():
                log_figure(self._trainer.loggers, split, name, figure, step)
                if folder is not None:
                    folder.mkdir(exist_ok=True)
                    with replaced(folder / f"{name}.png") as unfinished:
                        figure.savefig(unfinished, dpi=150)

    def _table(self, split: SplitName, outcome: EvalOutput) -> pd.DataFrame:
        assert isinstance(self._module, Module)
        rows = self._identified(split, outcome)
        if rows is None:
            rows = {"sample": outcome.indices.tolist()}
        table = predictions_table(self._module, rows, self._names(), outcome)
        if split == "predict" and (unread := getattr(self._data, "unread", [])):
            table = pd.concat([table.assign(error=None), pd.DataFrame(unread)])
        return table

    def _names(self) -> Mapping[str, str]:
        """What each head predicts, as the data call it."""
        assert isinstance(self._module, Module)
        ours = isinstance(self._data, DataModule)
        return self._data.target_names if ours else {head: head for head in self._module.heads}

    def _write_predictions(self, split: SplitName, outcome: EvalOutput, path: Path) -> None:
        table = self._table(split, outcome)
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file's name need not be UTF-8.
        with replaced(path) as unfinished:
            table.to_csv(unfinished, index=False, errors="surrogateescape")

    def _identified(self, split: SplitName, outcome: EvalOutput) -> Identifiers | None:
        """Columns that identify the samples, if our data module describes them."""
        data = self._data
        ours = isinstance(data, DataModule) and isinstance(data.splits.get(split), BatchDataset)
        return data.describe(split, outcome.indices) if ours else None


def gathered(batches: Sequence[Any]) -> EvalOutput | None:
    """All batches as one, on the CPU, in single precision at least; None if they are not ours."""
    if not batches or not all(isinstance(batch, EvalOutput) for batch in batches):
        return None
    return EvalOutput(*map(_joined, zip(*batches, strict=True)))


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], Mapping):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return float32(torch.cat([*parts]).cpu())


def _is_power_of_four(epoch: int) -> bool:
    return epoch & (epoch - 1) == 0 and epoch.bit_length() % 2 == 1
