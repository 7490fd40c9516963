"""A cross-validation over real runs, the smallest that there are."""

from pathlib import Path

import pytest

from kindling.tools.crossval import main


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_crossval(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--task=toy", "--folds=2", f"--logs={logs}", "--config=smoke"]
    assert main(args) == 0
    shown = capsys.readouterr().out
    for words in ("minus training majority", "over folds", "auroc"):
        assert words in shown
    folder = logs / "toy" / "crossval" / "sample"
    rows = (folder / "runs.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["fold", "0", "1"]
