"""Decision trees beside a net: fitted by scikit-learn, stored and evaluated as tensors.

B: batch, F: features, K: classes.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kindling.data.numbers import MANY, at_least
from kindling.errors import UserError, require_package

Kind = Literal["extra", "boosted"]

RATE = 0.05
"""Learning rate of the boosted trees."""

SEEN = 10_000
"""Most rows to fit a boosted tree to."""

HELD_OUT, PATIENCE, UNSTOPPED = 0.15, 40, 200
"""Share of rows that say when to stop, rounds without a gain, and rounds if they are too few."""

FEWEST = 20
"""Rounds of boosting, however many classes there are."""

RARE = 1e-6
"""Least share of a class."""

LEAST = 10, 1e-3
"""Rows of a class, and their share, below which trees leave it out: a leaf's step grows as a class
gets rarer, until it overflows."""

LARGEST = 50.0
"""That a leaf adds to a logit, for the same reason."""


class Trees(nn.Module):
    """Trees on a table's columns, for the mean with a net that sees the same columns.

    On tables, nets and trees err in different places, so that their mean is often better than
    either. ``extra`` trees are split at random thresholds, the best of one for each feature, and
    their mean counts. ``boosted`` ones are fitted in turn, each on a part of the rows, to the
    error that those before it leave, and aim at a quantile of the target, given the row, or at
    its mean, or at the logits of ``classes``; of many rows, each sees no more than some thousand.
    ``early`` grows them deeper, until some rows that are left out for it gain nothing.

    Nothing here is trained by gradient: :meth:`fit` takes the training rows once. Until then every
    output is NaN. The checkpoint carries the trees, so that predicting needs no scikit-learn.

    Shape:
        ``(B, F)`` without missing values to ``(B,)``, in the unit of the target, or to ``(B, K)``.

    References:
        Geurts et al., Extremely Randomized Trees, 2006, doi:10.1007/s10994-006-6226-1
        Friedman, Greedy Function Approximation, 2001, doi:10.1214/aos/1013203451
        Friedman, Stochastic Gradient Boosting, 2002, doi:10.1016/S0167-9473(01)00065-2
    """

    offset: Tensor
    depth: Tensor
    roots: Tensor
    column: Tensor  # of each node: the column it compares
    threshold: Tensor
    below: Tensor  # the two children; those of a leaf are the leaf
    value: Tensor  # the prediction of a leaf
    of_class: Tensor  # of each tree: the class whose logit it adds to

    def __init__(
        self,
        kind: Kind,
        number: int,
        quantile: float | None = 0.5,
        classes: int = 0,
        early: bool = False,
    ) -> None:
        super().__init__()
        if number < 1:
            raise UserError(f"model.trees={number}: must be at least 1, or 0 for the net alone")
        self.kind, self.quantile, self.classes, self.early = kind, quantile, classes, early
        self.number = at_least("model.trees", number, 1, MANY)
        self.register_buffer("offset", torch.full((classes,) if classes else (), torch.nan))
        self.register_buffer("depth", torch.zeros((), dtype=torch.int64))
        for name in ("roots", "column", "below"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int64))
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(0))
        if classes:
            self.register_buffer("of_class", torch.zeros(0, dtype=torch.int64))
        self.levels = 0

    def fit(self, rows: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Grow the trees on rows ``(N, F)`` without missing values, to a target ``(N,)``.

        The target is a number, or the index of a class. Rows count by their weight ``(N,)``, if
        any. Which trees, follows from the run's seed.

        Raises:
            UserError: There is no scikit-learn.
        """
        require_package(f"model.trees={self.number}", "sklearn", "scikit-learn", "trees")
        inputs = rows.detach().float().cpu().numpy()
        # A constant column could be drawn instead of one that varies.
        varies = np.flatnonzero(inputs.min(0) < inputs.max(0))
        varies = varies if len(varies) else np.zeros(1, np.int64)
        wanted = target.detach().double().cpu().numpy()
        counts = None if weight is None else weight.cpu().numpy()
        offset = self._offset(wanted, counts)
        left = wanted if self.classes else wanted - offset
        fewest = len(wanted)
        if self.classes:
            common, fewest = _common(wanted.astype(np.int64))
            inputs, wanted, left = inputs[common], wanted[common], left[common]
            counts = None if counts is None else counts[common]
        estimator = self._estimator(len(wanted), fewest)
        fitted = estimator.fit(inputs[:, varies], left, counts)
        self._take([each.tree_ for each in np.ravel(fitted.estimators_)], varies)
        self.offset.copy_(torch.from_numpy(np.asarray(offset)))
        if self.classes:  # of two, the trees tell the second
            those = fitted.classes_.astype(np.int64)[-fitted.estimators_.shape[1] :]
            self.of_class = torch.from_numpy(np.tile(those, len(fitted.estimators_))).to(self.roots)

    def _offset(self, target: NDArray[np.float64], counts: NDArray[Any] | None) -> Any:
        """What the trees add to: the target's middle, or the logits of the classes' shares."""
        if not self.classes:
            q = self.quantile
            return target.mean() if q is None else np.quantile(target, q)
        each = np.bincount(target.astype(np.int64), counts, self.classes)
        return np.log(np.maximum(each / each.sum(), RARE))

    def forward(self, rows: Tensor) -> Tensor:
        node = self.roots.expand(rows.shape[0], -1)  # (B, trees)
        below = self.below.flatten()
        for _ in range(self.levels):
            above = rows.gather(1, _at(node, self.column)) > _at(node, self.threshold)
            node = _at(2 * node + above, below)
        values = _at(node, self.value)
        if not self.classes:
            return self.offset + values.sum(1)
        logits = self.offset.expand(rows.shape[0], -1)
        return logits.index_add(1, self.of_class, values)

    def _estimator(self, rows: int, fewest: int = 0) -> Any:
        # Imported here, so that what grows no trees, such as `--help`, need not wait for it.
        from sklearn.ensemble import (
            ExtraTreesRegressor,
            GradientBoostingClassifier,
            GradientBoostingRegressor,
        )

        seed = torch.initial_seed() % 2**32
        if self.kind == "extra":
            return ExtraTreesRegressor(self.number, min_samples_leaf=2, random_state=seed)
        settings = {
            "learning_rate": RATE, "n_estimators": self.number, "subsample": min(0.6, SEEN / rows),
            "max_features": 0.5, "max_depth": 4, "min_samples_leaf": 5, "random_state": seed,
        }  # fmt: skip
        if self.early and fewest * HELD_OUT >= 1:
            settings |= {
                "max_depth": 5, "validation_fraction": HELD_OUT, "n_iter_no_change": PATIENCE,
            }  # fmt: skip
        elif self.early:
            settings["n_estimators"] = min(self.number, UNSTOPPED)
        if self.classes:
            if self.classes > 2:  # each round has a tree for every class
                number = settings["n_estimators"]
                settings["n_estimators"] = max(FEWEST, 2 * number // self.classes)
            return GradientBoostingClassifier(**settings)
        loss = {"loss": "squared_error"} if self.quantile is None else {
            "loss": "quantile", "alpha": self.quantile
        }  # fmt: skip
        return GradientBoostingRegressor(**loss, **settings, init="zero")

    def _take(self, trees: Sequence[Any], columns: NDArray[np.int64]) -> None:
        """Join the nodes of all trees in one table."""

        def of_all(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(tree, name) for tree in trees])

        sizes = [tree.node_count for tree in trees]
        starts = np.cumsum(sizes) - sizes
        bound = LARGEST if self.classes else np.inf
        children = np.stack([of_all("children_left"), of_all("children_right")], 1)
        leaf, first = children[:, 0] < 0, np.repeat(starts, sizes)[:, None]
        share = 1 / len(trees) if self.kind == "extra" else RATE
        self.levels = max(tree.max_depth for tree in trees)
        buffers = {
            "depth": np.array(self.levels),
            "roots": starts,
            "column": columns[np.where(leaf, 0, of_all("feature"))],
            "threshold": _rounded_down(of_all("threshold")),
            "below": np.where(leaf[:, None], np.arange(len(leaf))[:, None], children + first),
            "value": (share * of_all("value")[:, 0, 0]).clip(-bound, bound),
        }
        for name, values in buffers.items():
            setattr(self, name, torch.from_numpy(values).to(getattr(self, name)))

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        # Only the checkpoint knows how many nodes there are, and how deep.
        for name, own in self.named_buffers():
            if (saved := state.get(prefix + name)) is not None:
                setattr(self, name, own.new_empty(saved.shape))
                if name == "depth":
                    self.levels = int(saved)
        super()._load_from_state_dict(state, prefix, *args)


def _common(classes: NDArray[np.int64]) -> tuple[NDArray[np.bool_], int]:
    """The rows of classes that are not too rare, of two at least, and the fewest of such a class.

    The rarest of them has to be among the rows that say when to stop.
    """
    rows = np.bincount(classes)
    enough = rows >= min(max(LEAST[0], LEAST[1] * len(classes)), np.sort(rows)[-2:].min())
    return enough[classes], int(rows[enough].min())


def _at(node: Tensor, values: Tensor) -> Tensor:
    """``values[node]``, several times as fast on a CPU."""
    return values.index_select(0, node.flatten()).view(node.shape)


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rounded to single precision so that ``x <= threshold`` holds for the same ``x``."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
