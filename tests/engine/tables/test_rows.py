"""Which rows are learned from, and which of them must not be parted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kindling.data.datamodule import STAGES
from kindling.errors import UserError
from kindling.tables.datamodule import TableDataModule

ROWS = 60


class Numbers(TableDataModule):
    task = "rows"


class Classes(Numbers):
    target_kind = "classes"


def module(root: Path, kind: type[Numbers], table: dict[str, Any], **settings: Any) -> Numbers:
    pd.DataFrame(table).to_csv(root / "a.csv", index=False)
    data = kind(root, **settings)
    data.setup("fit")
    return data


def parts(data: Numbers) -> dict[str, list[int]]:
    """Positions of the rows of each split in the file."""
    return {k: [row - 2 for row in data.splits[k].identifiers["row"]] for k in STAGES}  # type: ignore[attr-defined]


def base(**columns: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=ROWS).round(3),
        "target": rng.normal(size=ROWS).round(3),
        **columns,
    }


@pytest.mark.parametrize("settings", [{}, {"folds": 3, "fold": 1}])
def test_rows_of_a_group_are_in_one_split(settings: dict[str, int], tmp_path: Path) -> None:
    patient = np.arange(ROWS) % 15 + 100
    data = module(tmp_path, Numbers, base(patient=patient), group="patient", **settings)
    splits = [set(patient[rows]) for rows in parts(data).values()]
    assert len(set.union(*splits)) == sum(map(len, splits)) == 15
    assert "patient" in data.columns.identifiers


@pytest.mark.parametrize("settings", [{}, {"folds": 3, "fold": 1}])
def test_a_time_cuts_training_before_validation_before_test(
    settings: dict[str, int], tmp_path: Path
) -> None:
    day = np.random.default_rng(1).permutation(ROWS) // 2
    written = (pd.Timestamp("2024-01-25") + pd.to_timedelta(day, "D")).strftime("%d.%m.%Y")
    data = module(tmp_path, Numbers, base(day=written), time="day", **settings)
    train, val, test = (day[rows] for rows in parts(data).values())
    assert train.max() < val.min() <= val.max() < test.min()
    assert len(train) > len(val) > 0 < len(test)


def test_dates_become_numbers(tmp_path: Path) -> None:
    moments = pd.date_range("2024-01-31 06:00", periods=ROWS, freq="31h")
    data = module(tmp_path, Numbers, base(signup=moments.strftime("%d/%m/%Y %H:%M")))
    names = [f"signup {part}" for part in ("month", "weekday", "hour", "days")]
    assert data.columns.numbers == ["x", *names], "the year is always the same"
    rows = parts(data)["train"]
    values = data.splits["train"].fields["numbers"].numpy()  # type: ignore[attr-defined]
    there = moments[rows]
    expected = [
        there.month,
        there.day_of_week,
        there.hour,
        (there - pd.Timestamp(0)).total_seconds() / 86400,
    ]
    np.testing.assert_allclose(values[:, 1:], np.stack(expected, 1), rtol=1e-6)


def test_dates_of_which_the_order_is_not_clear_are_not_guessed(tmp_path: Path) -> None:
    data = module(tmp_path, Numbers, base(day=["01/02/2024", "03/04/2024"] * (ROWS // 2)))
    assert data.columns.numbers == ["x"]
    with pytest.raises(UserError, match="'day': ambiguous dates: write them as 2024-01-31"):
        module(tmp_path, Numbers, base(day=["01/02/2024"] * ROWS), numbers=["x", "day days"])


def test_rows_without_a_target_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = ["", "yes", "no", "None", "no", "yes"] * 10
    data = module(tmp_path, Classes, base(target=target))
    assert "column 'target': rows without a target left out: 10" in caplog.text
    assert sum(data.sizes().values()) == 50
    assert data.classes == ["None", "no", "yes"]
    with pytest.raises(UserError, match="row 2, column 'target': no class: fill it in"):
        module(tmp_path, Classes, base(target=target), missing_target="error")


def test_a_class_of_one_row_stays_in_training_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = ["maybe", *["ok", "bad"] * 29, "ok"]
    data = module(tmp_path, Classes, base(target=target))
    assert f"{tmp_path / 'a.csv'}, column 'target': class 'maybe' has 1 rows" in caplog.text
    assert 0 in parts(data)["train"]
    assert sum(data.sizes().values()) == ROWS


def test_targets_are_exact_or_refused(tmp_path: Path) -> None:
    counter = 1_234_567_890 + np.arange(ROWS)
    with pytest.raises(UserError, match=r"single precision .*: subtract a constant"):
        module(tmp_path, Numbers, base(target=counter))
    data = module(tmp_path, Numbers, base(target=[f"${1000 + k:,}" for k in range(ROWS)]))
    targets = data.splits["train"].fields["target"].tolist()  # type: ignore[attr-defined]
    assert targets == [1000 + row for row in parts(data)["train"]]


def test_a_weight_is_no_input_even_if_it_is_listed(tmp_path: Path) -> None:
    table = base(times=np.arange(ROWS) % 3 + 1)
    data = module(tmp_path, Numbers, table, numbers=["x", "times"], weight="times")
    assert data.columns.numbers == ["x"]
    weights = data.splits["train"].fields["weight"].tolist()  # type: ignore[attr-defined]
    assert weights == [row % 3 + 1 for row in parts(data)["train"]]
    again = Numbers(tmp_path, numbers=["x", "times"], weight="times")
    again.load_state_dict(data.state_dict())


def test_rare_values_of_a_category_are_learned_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = [f"p{k % 3}" if k % 2 else f"q{k // 4}" for k in range(ROWS)]
    with caplog.at_level("INFO"):
        data = module(tmp_path, Numbers, base(place=place), category_limit=3)
    assert data.vocabulary["place"] == ["p0", "p1", "p2"]
    assert "column 'place': the 3 most frequent of" in caplog.text
