"""The base of every model: one step for all stages, metrics per head and stage, baselines."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
import torch.distributed
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.data import Dataset

from kindling.data.datamodule import DataModule, Stage
from kindling.data.dataset import FieldDataset
from kindling.data.numbers import positive
from kindling.errors import UserError
from kindling.training.metrics import EpochMetrics, Head, Heads, StepOutput, detach_float32, named
from kindling.training.optimizers import trainable
from kindling.training.schedules import Schedule as Schedule
from kindling.training.schedules import default_schedule


class EvalOutput(NamedTuple):
    """What evaluating or predicting a batch returns.

    ``indices`` ``(B,)`` are the samples' positions in the split, ``baselines`` are by name, then by
    head, ``units`` are the step's, ``scales`` are from :meth:`Module.scales`.
    """

    indices: Tensor
    predictions: Heads
    targets: Heads
    baselines: Mapping[str, Heads]
    units: Heads = {}
    scales: Heads = {}


class Module(LightningModule):
    """Runs ``step`` in every stage and scores it once an epoch.

    A problem defines its heads, the loss and predictions of a batch (``step``), predictions without
    targets (``predict``), and what to beat (``baselines``: skill is measured against the first).

    Args:
        heads: Outputs by name; with a single one, its metrics carry no prefix.
        lr: Learning rate of AdamW.
        weight_decay: Decoupled weight decay; at 0, AdamW is Adam.
        schedule: Learning rate over the run.

    Shape:
        Predictions and targets of a head are ``(B,)``, or ``(B, C)`` for C classes, of a batch of
        B samples; numbers are in the units of the training file.

    Raises:
        UserError: A setting is out of its range.

    Examples:
        >>> import kindling
        >>> run = kindling.load("logs/potability/latest")
        >>> batch = next(iter(run.data.val_dataloader()))
        columns: numbers ph, Hardness, ...
        >>> {head: tuple(values.shape) for head, values in run.model.predict(batch).items()}
        {'potability': (256,)}
    """

    dataset_class: ClassVar[type[Dataset[Any]]] = FieldDataset
    """What ``fit_statistics`` takes."""

    def __init__(
        self,
        heads: Mapping[str, Head],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__()
        self.heads, self.lr = dict(heads), positive("model.lr", lr)
        self.weight_decay = positive("model.weight_decay", weight_decay, zero=True)
        self.schedule = schedule
        self.seed = torch.initial_seed() % 2**31  # of what is drawn for a sample and an epoch
        self.resumed = False  # whether a checkpoint brings the weights: set before setup
        self.train_scores = EpochMetrics(self.heads)
        self.val_scores = EpochMetrics(self.heads)
        self.test_scores = EpochMetrics(self.heads)

    # What a problem provides.

    @abstractmethod
    def step(self, batch: Any) -> StepOutput:
        """Loss, predictions and targets of a batch."""

    @abstractmethod
    def predict(self, batch: Any) -> Heads:
        """Predictions by head, of a batch whose targets may be missing."""

    @abstractmethod
    def baselines(self, batch: Any) -> Mapping[str, Heads]:
        """Trivial predictions by name and head; NaN where one has nothing to go by."""

    def scales(self, batch: Any) -> Heads:
        """Divisors ``(B,)`` of each head's errors, to score heads together; or none."""
        return {}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        """Figures of an evaluated split, by name; ``rows`` identifies its samples."""
        return {}

    def fit_statistics(self, training: Any) -> None:
        """Set what the model takes from the training samples, such as means to normalize by."""

    def extra_metrics(self) -> Mapping[str, float]:
        """What a training epoch logs in addition to scores, such as ``train/age/weight``."""
        return {}

    @property
    def evaluated(self) -> Any:
        """The samples of figures: the test split, or validation in training."""
        splits = self.trainer.datamodule.splits  # type: ignore[attr-defined]
        return splits["test" if self.trainer.testing else "val"]

    def training_split(self) -> Any:
        """The training samples, which statistics are taken from.

        Returns:
            That of our data module, or of a plain loader; None if it is no ``dataset_class`` and
            ``fit_statistics`` was called before.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, DataModule):
            training: Any = data.training
        else:
            self.trainer.fit_loop.setup_data()
            training = getattr(self.trainer.train_dataloader, "dataset", None)
        if isinstance(training, self.dataset_class):
            return training
        if any(b.isnan().any() for b in self.buffers() if b.is_floating_point()):
            raise UserError(
                f"{type(data or training).__name__}: {type(self).__name__} takes its statistics "
                f"from {self.dataset_class.__name__}; call fit_statistics with them before training"
            )
        return None

    def validation_samples(self, most: int) -> Any:
        """Some validation samples as a batch on the module's device; None outside of ``fit``."""
        validation = getattr(self.trainer.val_dataloaders, "dataset", None)
        fits = self.trainer.state.fn == TrainerFn.FITTING
        if not (fits and isinstance(validation, self.dataset_class)):
            return None
        return self.trainer.strategy.batch_to_device(validation.evenly(most))  # type: ignore[attr-defined]

    # The Trainer's hooks, in the order in which they are called.

    def setup(self, stage: str) -> None:
        learns = type(self).fit_statistics is not Module.fit_statistics
        if stage == "fit" and learns and (training := self.training_split()):
            self.fit_statistics(training)

    def training_step(self, batch: Any) -> Tensor:
        step = self.step(batch)
        self.train_scores.update(step)
        return step.loss

    def on_train_epoch_end(self) -> None:
        optimizers = self.trainer.optimizers
        rate = {"lr": optimizers[0].param_groups[0]["lr"]} if optimizers else {}
        self._log_scores("train", {**rate, **self.extra_metrics()})

    def validation_step(self, batch: Any) -> EvalOutput:  # type: ignore[override]
        return self._evaluate("val", batch)

    def on_validation_epoch_end(self) -> None:
        self._log_scores("val")

    def test_step(self, batch: Any) -> EvalOutput:  # type: ignore[override]
        return self._evaluate("test", batch)

    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    def predict_step(self, batch: Any) -> EvalOutput:
        return EvalOutput(batch.indices, detach_float32(self.predict(batch)), {}, {})

    def configure_optimizers(self) -> Any:
        groups = self.parameter_groups()
        fused = all(p.device.type in ("cpu", "cuda") for g in groups for p in g["params"])
        optimizer = torch.optim.AdamW(groups, self.lr, weight_decay=self.weight_decay, fused=fused)
        return {"optimizer": optimizer, **default_schedule(self.schedule, optimizer, self.trainer)}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The trained parameters in groups, as an optimizer takes them."""
        return [{"params": trainable(self)}]

    def evaluated_step(self, batch: Any) -> StepOutput:
        """The step of validation and test."""
        return self.step(batch)

    def named(self, head: str, metric: str) -> str:
        """The name that logs and results use: ``mse``, or ``age/mae`` of several heads."""
        return named(self.heads, head, metric)

    def _evaluate(self, stage: Stage, batch: Any) -> EvalOutput:
        step = self.evaluated_step(batch)
        self.epoch_scores(stage).update(step)
        predictions = detach_float32(step.predictions)
        beside = self.baselines(batch), step.units, self.scales(batch)
        return EvalOutput(batch.indices, predictions, step.targets, *beside)

    def _log_scores(self, stage: Stage, extra: Mapping[str, float] | None = None) -> None:
        scores = self.epoch_scores(stage).compute(self.trainer.strategy)
        if not self.trainer.barebones:
            values = {f"{stage}/{name}": value for name, value in scores.items()}
            # They are equal in all processes already, but without sync_dist the Trainer warns.
            several = torch.distributed.is_available() and torch.distributed.is_initialized()
            self.log_dict({**values, **(extra or {})}, sync_dist=several)

    def epoch_scores(self, stage: Stage) -> EpochMetrics:
        """The epoch's scores of a stage."""
        return {"train": self.train_scores, "val": self.val_scores, "test": self.test_scores}[stage]
