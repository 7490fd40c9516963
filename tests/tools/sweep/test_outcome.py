"""What a study leaves: the table, the best settings as a configuration, charts, links."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.tools.sweep.simulated import study, work


def test_table_and_best(folder: Path) -> None:
    work(folder, 3, failing=[1], level=lambda number: 5 - number)
    study(folder).report()
    table = pd.read_csv(folder / "trials.csv")
    assert list(table) == [
        *("number", "state", "value", "duration", "model.hidden", "model.lr", "run")
    ]
    assert list(table["state"]) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert table["value"].tolist() == pytest.approx([5.25, float("nan"), 3.25, 2.25], nan_ok=True)
    assert all((Path(run) / "config.yaml").is_file() for run in table["run"])
    text = (folder / "best.yaml").read_text()
    assert text.startswith("# Trial 3 of a sweep of t: val/loss 2.25, chosen on")
    init = {"lr": table["model.lr"][3], "hidden": yaml.safe_load(table["model.hidden"][3])}
    assert yaml.safe_load(text) == {"model": {"init_args": init}}


def test_of_scores_that_grow_the_highest_is_best(folder: Path) -> None:
    made = study(folder, **{"checkpoint.mode": "max"})
    for score in (0.2, 0.9, 0.5):
        made.study.tell(made.study.ask(made.space.searched), score)
    made.report()
    assert (folder / "best.yaml").read_text().startswith("# Trial 1 of")


def test_what_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work(folder, 2)
    study(folder).report()
    printed = capsys.readouterr().out
    for words in (
        "on validation alone",
        "best.yaml",
        "make train TASK=t ARGS=",
        "optuna-dashboard",
    ):
        assert words in printed
