"""Normalization against numpy, column by column."""

import io
from typing import Literal

import numpy as np
import pytest
import torch
import torch.fx
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.tables.normalize import Logarithms, Normalize

Method = Literal["standard", "robust"]
both = pytest.mark.parametrize("method", ["standard", "robust"])


@pytest.fixture
def rows() -> NDArray[np.float32]:
    """Columns of very different size, the first two with holes, the third constant."""
    rng = np.random.default_rng(0)
    table = rng.gamma(2, (1, 30, 0, 9000), size=(101, 4)).astype(np.float32)
    table[:, 2] = 0.1
    table[rng.random((101, 4)) < (0.2, 0.1, 0, 0)] = np.nan
    return table


def reference(column: NDArray[np.float32], method: Method) -> tuple[float, float]:
    present = np.sort(column[~np.isnan(column)].astype(np.float64))
    if method == "standard":
        center = present.sum() / len(present)
        return center, np.sqrt(((present - center) ** 2).mean())
    low, center, high = (
        np.interp(q * (len(present) - 1), np.arange(len(present)), present)
        for q in (0.25, 0.5, 0.75)
    )
    return center, high - low


def fitted(rows: NDArray[np.float32], method: Method, indicators: bool = False) -> Normalize:
    normalize = Normalize(rows.shape[1], method, indicators)
    normalize.fit(torch.from_numpy(rows))
    return normalize


@both
def test_equals_the_reference_and_centres_a_constant(
    rows: NDArray[np.float32], method: Method
) -> None:
    normalize = fitted(rows, method)
    output = normalize(torch.from_numpy(rows)).numpy()
    assert output.dtype == np.float32
    for index in (0, 1, 3):
        center, scale = reference(rows[:, index], method)
        filled = np.where(np.isnan(rows[:, index]), center, rows[:, index])
        np.testing.assert_allclose(output[:, index], (filled - center) / scale, atol=1e-5)
    assert normalize.scale[2] == 1
    assert (output[:, 2] == 0).all()


def test_robust_scales_by_the_deviation_where_the_range_is_zero() -> None:
    values = np.array([[0.0]] * 9 + [[10.0]], np.float32)
    output = fitted(values, "robust")(torch.from_numpy(values))
    np.testing.assert_allclose(output[-1].item(), 10 / 3, rtol=1e-6)


@both
def test_large_offset_loses_no_precision(method: Method) -> None:
    offset = 2**20  # float32 still tells 1/8 apart here; the squares need 45 bits
    values = (np.random.default_rng(0).integers(0, 80, (999, 1)) / 8 + offset).astype(np.float32)
    center, scale = reference(values[:, 0], method)
    output = fitted(values, method)(torch.from_numpy(values)).numpy()
    exact = (values.astype(np.float64) - center) / scale
    np.testing.assert_allclose(output, exact, atol=np.spacing(np.float32(offset)) / scale)


@both
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4)])
def test_indicators_are_of_holes_that_training_knew(
    rows: NDArray[np.float32], method: Method, shape: tuple[int, ...]
) -> None:
    normalize, plain = fitted(rows, method, indicators=True), fitted(rows, method)
    assert (normalize.out_features, plain.out_features) == (8, 4)
    values = torch.randn(shape)
    values[..., (0, 3)] = torch.nan
    output = normalize(values)
    assert torch.equal(output[..., :4], plain(values))
    assert output[..., :4][values.isnan()].eq(0).all()
    assert output[..., 4:].eq(torch.tensor([1, 0, 0, 0])).all()


def test_a_saved_state_is_all_it_takes(rows: NDArray[np.float32]) -> None:
    normalize, restored = fitted(rows, "robust", True), Normalize(4, "robust", True)
    assert not list(normalize.parameters())
    values = torch.from_numpy(rows)
    assert restored(values).isnan().any(1).all(), "not fitted"
    file = io.BytesIO()
    torch.save(normalize.state_dict(), file)
    file.seek(0)
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(restored(values), normalize(values))


def test_values_that_cannot_be_fitted() -> None:
    values = torch.tensor([[1.0, torch.nan], [2.0, torch.nan]])
    with pytest.raises(UserError, match="feature number 2 has no value in the training rows"):
        Normalize(2).fit(values)
    with pytest.raises(UserError, match="feature 'Sulfate' has no value"):
        Normalize(2).fit(values, ["ph", "Sulfate"])
    with pytest.raises(ValueError, match=r"expected \(N, 3\)"):
        Normalize(3).fit(torch.ones(5, 1))  # not broadcast


def test_is_one_graph_for_any_batch_that_gradients_pass(rows: NDArray[np.float32]) -> None:
    normalize = fitted(rows, "standard", indicators=True)
    graph = torch.fx.symbolic_trace(normalize)  # fails on a branch that looks at values
    values = torch.from_numpy(rows).requires_grad_()
    assert torch.equal(graph(values[:7]), normalize(values[:7]))
    normalize(values).sum().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()
    assert torch.equal(values.grad == 0, values.isnan())


def test_the_logarithm_is_taken_where_it_makes_a_feature_less_skewed() -> None:
    rng = np.random.default_rng(0)
    even, skewed = rng.uniform(1, 2, 500), rng.lognormal(0, 1, 500)
    rows = np.column_stack([even, skewed, skewed - skewed.min(), -skewed, np.full(500, 3.0)])
    rows[::7, 1] = np.nan
    logarithms = Logarithms(5)
    values = torch.from_numpy(rows).float()
    assert torch.equal(logarithms(values).nan_to_num(), values.nan_to_num()), "before fit"
    logarithms.fit(values)
    changed = logarithms(values).numpy()
    np.testing.assert_allclose(changed[:, 1], np.log(rows[:, 1]), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(changed[:, [0, 2, 3, 4]], values.numpy()[:, [0, 2, 3, 4]])


def test_a_logarithm_of_what_is_below_all_training_values_is_that_of_the_least() -> None:
    logarithms = Logarithms(1)
    logarithms.fit(torch.tensor([[1.0], [2.0], [3.0], [100.0]]))
    values = torch.tensor([[0.5], [0.0], [-3.0], [1.0], [torch.nan]], requires_grad=True)
    output = logarithms(values)
    assert output.detach()[:4].eq(0).all()
    assert output[4].isnan().all()
    output[:4].sum().backward()
    assert values.grad is not None
    assert values.grad[:4].isfinite().all()
