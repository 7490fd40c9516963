"""The base of models that classify photos: one class a photo, or any number of labels.

B: batch, C: classes, H: height, W: width.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
    MultilabelExactMatch,
    MultilabelF1Score,
    MultilabelHammingDistance,
    MultilabelPrecision,
    MultilabelRecall,
)
from torchmetrics.functional.classification import (
    multilabel_auroc,
    multilabel_average_precision,
)

from kindling.data.dataset import FieldDataset
from kindling.data.numbers import below_one
from kindling.errors import UserError
from kindling.images.augment import Mix
from kindling.images.folder_datamodule import ImageBatch
from kindling.images.module import ImageModule
from kindling.tables.scores import WholeSplitScore
from kindling.training.metrics import Head, Heads, StepOutput

TOP, MANY = 5, 10
"""With more than MANY classes, whether the true one is among the TOP likeliest is scored too."""

Averages = Literal["macro", "weighted", "micro"]
Averaged = Mapping[str, Callable[..., Metric]]
ONE_CLASS: Averaged = {
    "precision": MulticlassPrecision, "recall": MulticlassRecall, "f1": MulticlassF1Score,
}  # fmt: skip
LABELS: Averaged = {
    "precision": MultilabelPrecision, "recall": MultilabelRecall, "f1": MultilabelF1Score,
}  # fmt: skip


class ImageClassifier(ImageModule):
    """Predicts the class of a photo, or with ``multilabel`` the probability of each label.

    A problem builds its net and defines its ``logits``. One class is learned by softmax and
    cross-entropy, labels by sigmoid and binary cross-entropy.

    Args:
        classes: Names of the classes.
        multilabel: Whether a photo has any number of labels, in place of one class.
        label_smoothing: Share of each training target that is spread evenly over all classes.
        class_weights: "balanced" gives all classes the same weight in the loss; null all photos.
        mixup: Blends two training photos; parameter of the Beta distribution of shares, 0 is off.
        cutmix: Pastes part of a training photo into another; parameter of the same kind.
    """

    head: ClassVar[str] = "class"
    shares: Tensor

    def __init__(
        self,
        classes: Sequence[str] = (),
        multilabel: bool = False,
        label_smoothing: float = 0.0,
        class_weights: Literal["balanced"] | None = None,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        **settings: Any,
    ) -> None:
        made = label_head(classes) if multilabel else class_head(classes)
        super().__init__({self.head: made}, **settings)
        below_one("model.label_smoothing", label_smoothing)
        self.multilabel = multilabel
        self.label_smoothing, self._balanced = label_smoothing, class_weights == "balanced"
        self.mix = Mix(mixup, cutmix)
        if self.mix and self.has_frozen_backbone:
            fault = "a frozen backbone's features are cached, before photos could be mixed"
            raise UserError(f"model.mixup, model.cutmix: {fault}; --model.freeze=false")
        self.register_buffer("shares", torch.full((len(classes),), torch.nan))

    @abstractmethod
    def logits(self, batch: ImageBatch) -> Tensor:
        """``(B, C)``, before the softmax or the sigmoid."""

    def fit_statistics(self, training: FieldDataset[ImageBatch]) -> None:
        """Take the training share of each class, for the baseline and for weights."""
        label = training.fields["label"]
        if self.multilabel:
            self.shares.copy_(label.float().mean(0))
        else:
            self.shares.copy_(torch.bincount(label, minlength=len(self.shares)) / len(label))

    def augmented(self, batch: ImageBatch) -> ImageBatch:
        """The training batch augmented and, where asked, mixed: ``label`` is of shares then."""
        view: ImageBatch = super().augmented(batch)
        if not self.mix:
            return view
        seeds = self.draws(view.indices)
        image, label = self.mix(view.image, view.label, len(self.shares), seeds)
        return view._replace(image=image, label=label)

    def step(self, batch: ImageBatch) -> StepOutput:
        logits, target = self.logits(batch), batch.label
        if target.is_floating_point():  # of mixed photos
            target = target.round().long() if self.multilabel else target.argmax(-1)
        predictions = {self.head: self.probability(logits)}
        return StepOutput(self.loss(logits, batch.label), predictions, {self.head: target})

    def loss(self, logits: Tensor, label: Tensor) -> Tensor:
        """Smoothed and weighted in training alone, so that epochs compare.

        Shape:
            ``label`` ``(B,)`` int64, or ``(B, C)``: labels, or shares of mixed photos.
        """
        smoothing = self.label_smoothing if self.training else 0.0
        weight = self._balance().to(logits.dtype) if self._balanced and self.training else None
        if self.multilabel:
            target = torch.lerp(label.to(logits.dtype), logits.new_tensor(0.5), smoothing)
            return nn.functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weight)
        return nn.functional.cross_entropy(logits, label, weight, label_smoothing=smoothing)

    def _balance(self) -> Tensor:
        """The weight of each class, or of the photos with a label beside those without it."""
        shares = self.shares.clamp(min=1e-6)
        return (1 - shares) / shares if self.multilabel else 1 / (len(shares) * shares)

    def probability(self, logits: Tensor) -> Tensor:
        return logits.sigmoid() if self.multilabel else logits.softmax(-1)

    def predict(self, batch: ImageBatch) -> Heads:
        return {self.head: self.probability(self(batch.image))}

    def baselines(self, batch: ImageBatch) -> Mapping[str, Heads]:
        return {"training majority": {self.head: self.shares.expand(len(batch.label), -1)}}


def class_head(
    classes: Sequence[str],
    averages: Sequence[Averages] = ("macro", "weighted", "micro"),
    top: int | None = None,
    optional: bool = False,
) -> Head:
    """A head of one class a sample.

    Args:
        classes: Their names.
        averages: Of precision, recall and F1 over the classes.
        top: Of how many likeliest classes the true one may be; none is 5, of more than 10 classes.
        optional: Whether samples may lack the target.
    """
    if len(classes) < 2:
        raise UserError(f"{len(classes)} classes ({', '.join(classes)}): two or more are needed")
    count = len(classes)
    metrics: dict[str, Any] = {"accuracy": MulticlassAccuracy(count, average="micro")}
    if top is not None or count > MANY:
        likeliest = min(count, top or TOP)
        metrics[f"top{top or TOP}"] = MulticlassAccuracy(count, top_k=likeliest, average="micro")
    metrics |= _averaged(ONE_CLASS, count, averages)
    per_class: dict[str, Any] = {n: m(count, average=None) for n, m in ONE_CLASS.items()}
    return Head(MetricCollection(metrics), classes, MetricCollection(per_class), optional)


def label_head(labels: Sequence[str]) -> Head:
    """A head of any number of labels a sample; a probability above 0.5 predicts one."""
    if len(labels) < 2:
        raise UserError(f"{len(labels)} labels ({', '.join(labels)}): two or more are needed")
    count = len(labels)
    metrics: dict[str, Any] = {
        **_averaged(LABELS, count, ("macro", "micro")),
        "average_precision": MeanOfLabels(multilabel_average_precision),
        "auroc": MeanOfLabels(multilabel_auroc),
        "exact_match": MultilabelExactMatch(count),
        "hamming": MultilabelHammingDistance(count),
    }
    per_class: dict[str, Any] = {n: m(count, average=None) for n, m in LABELS.items()}
    return Head(MetricCollection(metrics), labels, MetricCollection(per_class), multilabel=True)


def _averaged(of: Averaged, count: int, averages: Sequence[Averages]) -> dict[str, Metric]:
    return {f"{n}_{a}": metric(count, average=a) for a in averages for n, metric in of.items()}


class MeanOfLabels(WholeSplitScore):
    """The mean of a score over the labels that some samples have and others lack; NaN of none.

    torchmetrics counts a label that no sample has as 0.

    Args:
        score: Of torchmetrics' functions, one of probabilities and labels ``(N, C)``.
    """

    is_differentiable, higher_is_better = False, True

    def __init__(self, score: Callable[..., Tensor]) -> None:
        super().__init__()
        self.score = score

    def compute(self) -> Tensor:
        predicted, true = self.samples()
        scored = true.bool().any(0) & ~true.bool().all(0)
        if not scored.any():
            return predicted.new_tensor(torch.nan)
        count = int(scored.sum())
        return self.score(predicted[:, scored], true[:, scored], count, validate_args=False)
