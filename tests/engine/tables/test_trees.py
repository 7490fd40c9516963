"""Trees as tensors against scikit-learn's own, and what a net needs of them."""

import importlib.util
import io

import numpy as np
import pytest
import torch
from torch import Tensor

from kindling.errors import UserError
from kindling.tables.trees import Kind, Trees

both = pytest.mark.parametrize("kind", ["extra", "boosted"])


@pytest.fixture
def rows() -> Tensor:
    """Two columns that matter together, one that is whole numbers, one that never changes."""
    rng = torch.Generator().manual_seed(0)
    columns = torch.randn(300, 4, generator=rng)
    columns[:, 2] = columns[:, 2].round()
    columns[:, 3] = 1.5
    return columns


@pytest.fixture
def target(rows: Tensor) -> Tensor:
    return 7 + rows[:, 0] * rows[:, 1] + rows[:, 2]


def grown(
    kind: Kind, rows: Tensor, target: Tensor, seed: int = 0, number: int = 20, **aim: float
) -> Trees:
    torch.manual_seed(seed)
    trees = Trees(kind, number, **aim)
    trees.fit(rows, target)
    return trees


@both
def test_they_say_what_scikit_learn_s_say(kind: Kind, rows: Tensor, target: Tensor) -> None:
    trees = grown(kind, rows, target)
    median = np.median(target.numpy())
    reference = trees._estimator(len(rows)).fit(
        rows[:, :3].numpy(), target.double().numpy() - median
    )
    # New rows, and rows that lie on thresholds: midway between two training values.
    midway = (rows.sort(0).values[1:] + rows.sort(0).values[:-1]) / 2
    asked = torch.cat([rows, rows.flip(0) * 1.3, midway])
    expected = torch.from_numpy(reference.predict(asked[:, :3].numpy()) + median)
    torch.testing.assert_close(trees(asked).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_trees_of_classes_say_what_scikit_learn_s_say(
    classes: int, rows: Tensor, target: Tensor
) -> None:
    edges = target.quantile(torch.arange(1, classes) / classes)
    label = torch.bucketize(target, edges)
    torch.manual_seed(0)
    trees = Trees("boosted", 20, classes=classes)
    trees.fit(rows, label)
    inputs = rows[:, :3].double().numpy()
    reference = trees._estimator(len(rows)).fit(inputs, label.numpy())
    expected = torch.from_numpy(reference.predict_proba(rows.flip(0)[:, :3].double().numpy()))
    found = trees(rows.flip(0)).softmax(1).double()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_class_without_rows_is_never_told(rows: Tensor, target: Tensor) -> None:
    trees = Trees("boosted", 20, classes=3)
    trees.fit(rows, 2 * (target > 7))
    shares = trees(rows).softmax(1)
    assert shares[:, 1].max() < 1e-4
    assert (shares.argmax(1) == 2 * (target > 7)).float().mean() > 0.8


@pytest.mark.parametrize("quantile", [0.2, 0.8])
def test_boosted_trees_aim_at_a_quantile(quantile: float) -> None:
    rng = torch.Generator().manual_seed(0)
    rows, noise = torch.rand(2000, 2, generator=rng), torch.randn(2000, generator=rng)
    target = 3 * rows[:, 0] + noise
    trees = grown("boosted", rows[:1000], target[:1000], number=50, quantile=quantile)
    below = (target[1000:] <= trees(rows[1000:])).float()
    for half in (rows[1000:, 0] < 0.5, rows[1000:, 0] >= 0.5):
        assert below[half].mean() == pytest.approx(quantile, abs=0.1), "given the row"


@both
def test_a_checkpoint_brings_them_along(kind: Kind, rows: Tensor, target: Tensor) -> None:
    trees, other = grown(kind, rows, target), Trees(kind, 20)
    assert other(rows).isnan().all()
    file = io.BytesIO()
    torch.save({f"trees.{k}": v for k, v in trees.state_dict().items()}, file)
    file.seek(0)
    torch.nn.ModuleDict({"trees": other}).load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(trees(rows), other(rows))


@both
def test_the_run_s_seed_decides_and_not_what_never_changes(
    kind: Kind, rows: Tensor, target: Tensor
) -> None:
    first, same, other = (grown(kind, rows, target, seed)(rows) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    beside = torch.cat([torch.ones(300, 5), rows], 1)
    assert torch.equal(grown(kind, beside, target, 3)(beside), first)
    assert torch.isfinite(grown(kind, beside[:, :5], target)(beside[:, :5])).all()
    level = torch.full((300,), 4.0)
    assert torch.equal(grown(kind, rows, level)(rows), level)


def test_what_cannot_grow(rows: Tensor, target: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="must be at least 1, or 0 for the net alone"):
        Trees("extra", -1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs scikit-learn, which is not installed: pip install"):
        grown("extra", rows, target)


def test_classes_of_a_few_rows_leave_the_others_as_they_are() -> None:
    pytest.importorskip("sklearn")
    rng = torch.Generator().manual_seed(0)
    rows = torch.rand(3000, 3, generator=rng)
    target = (rows[:, 0] > 0.5).long()
    target[: 40 * 30 : 30] = 2 + torch.arange(40) // 2  # two rows each
    torch.manual_seed(0)
    trees = Trees("boosted", 300, classes=22, early=True)
    trees.fit(rows, target)
    logits = trees(rows)
    assert logits.isfinite().all()
    common = target < 2
    assert (logits.argmax(1) == target)[common].float().mean() > 0.95
