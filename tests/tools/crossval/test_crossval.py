"""A cross-validation over real runs, the smallest that there are."""

from pathlib import Path

import pytest

from kindling.tools.crossval import main

SMALL = ["--config=smoke", "--data.window=8", "--data.lags=[]", "--model.hidden=8"]


@pytest.mark.slow
def test_crossval(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--task=timeseries", "--folds=2", f"--logs={logs}", *SMALL]
    assert main(args) == 0
    shown = capsys.readouterr().out
    for words in ("minus last value", "over folds", "rmse"):
        assert words in shown
    folder = logs / "timeseries" / "crossval" / "sample"
    rows = (folder / "runs.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["fold", "0", "1"]
