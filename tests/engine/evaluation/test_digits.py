"""What a file says of a target stands in the predictions to the digit."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.engine import toy
from tests.engine.toy import Train


def test_a_counter_keeps_its_digits(train: Train, tmp_path: Path) -> None:
    """Single precision knows one number of 128 there."""
    steps = np.random.default_rng(0).integers(1, 60, 80)
    counter = 1_234_567_890 + steps.cumsum()
    path = toy.write_series(tmp_path / "data") / "toy.csv"
    table = pd.read_csv(path).assign(value=counter)
    table.to_csv(path, index=False)
    run = train(*toy.SERIES, f"--data.root={path.parent}")
    predictions = pd.read_csv(run.folder / "predictions.csv")
    there = table.set_index(pd.to_datetime(table["timestamp"]))["value"]
    expected = there[pd.to_datetime(predictions["timestamp"])].to_numpy()
    np.testing.assert_array_equal(predictions["value"].to_numpy(np.int64), expected)
    assert len(np.unique(expected)) == len(expected) > 5
