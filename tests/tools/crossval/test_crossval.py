"""A cross-validation over real runs, the smallest that there are."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kindling.__main__ import main


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_crossval(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["crossval", "--task=toy", "--folds=2", f"--logs={logs}", "--config=smoke"]
    assert main(args) == 0
    shown = capsys.readouterr().out
    for words in ("validation", "over folds", "auroc"):
        assert words in shown
    assert "training majority" not in shown
    assert main([*args, "--test"]) == 0
    shown = capsys.readouterr().out
    for words in ("finished     2 of 2 runs before", "minus training majority", "auroc"):
        assert words in shown
    folder = logs / "toy" / "crossval" / "sample"
    table, runs = (pd.read_csv(folder / f"{name}.csv") for name in ("scores", "runs"))
    [row] = table.query("metric == 'accuracy' and variant == 'default'").itertuples()
    [first] = map(Path, runs["run"][:1])
    samples = json.loads((first / "provenance.json").read_text())["data"]["samples"]
    share = samples["test"] / samples["train"]
    assert 0.2 < share < 1.5, "folds share training samples: the interval is the wider for it"
    beaten = [json.loads((Path(run) / "results.json").read_text()) for run in runs["run"]]
    beaten = [found["baseline"]["metrics"]["accuracy"]["value"] for found in beaten]
    error = np.std(runs["accuracy"] - beaten, ddof=1) * (1 / 2 + share) ** 0.5
    assert row.high - row.difference == pytest.approx(12.7062 * error, rel=0.02)
    rows = (folder / "runs.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["fold", "0", "1"]
