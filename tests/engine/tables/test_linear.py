"""The linear model, beside scikit-learn's."""

import numpy as np
import pytest
import torch

from kindling.tables.linear import PENALTIES, LinearModel


@pytest.mark.parametrize(("noise", "rows"), [(0.1, 60), (30.0, 60), (0.1, 6)])
def test_the_best_penalty_errs_least_on_rows_that_are_left_out(noise: float, rows: int) -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    columns = rng.normal(size=(rows, 8)) * 10.0 ** np.arange(8) + 5
    columns[:, 3] = 7  # never changes
    target = columns @ rng.normal(size=(8, 2)) / 1e4 + noise * rng.normal(size=(rows, 2))
    model = LinearModel(8, 2)
    model.fit_numbers(torch.from_numpy(columns), torch.from_numpy(target), torch.ones(rows))
    scaled = StandardScaler().fit_transform(columns)
    expected = RidgeCV(PENALTIES).fit(scaled, target).predict(scaled)
    found = model(torch.from_numpy(columns)).double().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("noise", "alike"), [(0.1, False), (3.0, True)])
def test_subsets_of_columns_are_averaged_as_far_as_rows_tell(noise: float, alike: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    columns = torch.randn(40, 2, generator=rng)
    target = columns[:, :1] + noise * torch.randn(40, 1, generator=rng)
    subsets = [torch.tensor([0]), torch.tensor([1]), torch.tensor([0, 1])]
    forecasts = []
    for chosen in ([subset] for subset in subsets):
        (one := LinearModel(2, 1)).fit_numbers(columns, target, torch.ones(40), chosen)
        forecasts.append(one(columns))
    (model := LinearModel(2, 1)).fit_numbers(columns, target, torch.ones(40), subsets)
    found = model(columns)
    gap = (forecasts[1] - forecasts[0]).abs().mean()
    assert ((found - forecasts[0]).abs().mean() > 0.02 * gap) == alike
    assert (found - forecasts[1]).abs().mean() > 0.02 * gap


def test_a_row_counts_by_its_weight() -> None:
    columns = torch.linspace(-1, 1, 400)[:, None]
    wrong = torch.arange(400) % 2 == 0
    target = torch.where(wrong[:, None], -5.0, 2 * columns)
    weight = torch.where(wrong, 1e-6, 3.0)
    model = LinearModel(1, 1)
    model.fit_numbers(columns, target, weight)
    torch.testing.assert_close(model(columns).float(), 2 * columns, atol=0.03, rtol=0)
    model.fit_numbers(columns, target, torch.ones(400))
    assert model(columns).mean() < -2


def test_a_row_of_a_class_counts_by_its_weight() -> None:
    torch.manual_seed(0)
    columns = torch.randn(200, 2)
    target = (columns[:, 0] + torch.randn(200) / 2 > 0).long()
    repeated, weighted = LinearModel(2, 2), LinearModel(2, 2)
    counts = 1 + (torch.arange(200) < 50).long()
    one = torch.ones(250)
    repeated.fit_classes(
        columns.repeat_interleave(counts, 0), target.repeat_interleave(counts), one
    )
    weighted.fit_classes(columns, target, counts)
    torch.testing.assert_close(repeated(columns), weighted(columns), rtol=1e-3, atol=1e-4)


def test_classes_take_the_penalty_that_suits_them() -> None:
    rng = torch.Generator().manual_seed(0)
    columns = torch.randn(100, 80, generator=rng)
    noise = torch.randn(100, generator=rng)
    model = LinearModel(80, 2)
    for signal, least, most in ((0.0, 0.5, 0.7), (9.0, 0.75, 1.0)):
        target = (signal * columns[:, 0] + noise > 0).long()
        model.fit_classes(columns, target, torch.ones(100))
        sure = model(columns).softmax(1).amax(1).mean()
        assert least < sure < most
