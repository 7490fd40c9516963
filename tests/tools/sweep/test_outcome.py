"""What a study leaves: the table, the best setting as a configuration, charts, links."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console

from kindling.tools.sweep import outcome
from kindling.tools.sweep.command import report
from kindling.tools.sweep.figures import draw_history, draw_importance
from kindling.tools.sweep.space import configuration
from kindling.tools.sweep.study import Study
from tests.tools.sweep.simulated import Fake, study, work


def simulated(folder: Path, count: int) -> Study:
    """Trials without processes: the learning rate decides, the width does nothing."""
    made = study(folder)
    for number in range(count):
        taken = made.take(count)
        assert taken is not None
        level = abs(taken.cell.settings["model.lr"] - 0.01)
        worse = taken.report([{"epoch": e, "val/loss": level + 0.1 * (2 - e)} for e in range(3)])
        made.pruned(taken) if number == 3 or worse else made.complete(taken, level)
        taken.held.close()
    return made


def test_table_and_best(folder: Path) -> None:
    work(folder, 3, Fake(failing=lambda number: number == 1, level=lambda number: 5 - number))
    made = study(folder)
    outcome.write_trials(made)
    table = pd.read_csv(folder / "trials.csv")
    assert list(table) == [
        *("number", "state", "value", "epochs", "seconds", "model.lr", "model.hidden", "run")
    ]
    assert list(table["state"]) == ["complete", "failed", "complete", "complete"]
    assert table["value"].tolist() == pytest.approx([5.25, float("nan"), 3.25, 2.25], nan_ok=True)
    assert table["epochs"].tolist() == [4, 0, 4, 4]
    assert (table["seconds"] >= 0).all()
    assert all((Path(run) / "config.yaml").is_file() for run in table["run"])
    best = outcome.finished(made)[0]
    assert best.number == 3
    path = outcome.write_best(made, best)
    assert path.read_text().startswith("# Trial 3 of 3 of a sweep of t: val/loss 2.25, chosen on")
    values = made.values(best)
    assert yaml.safe_load(path.read_text()) == {"model": {"init_args": {
        "lr": values["model.lr"], "hidden": values["model.hidden"]
    }}}  # fmt: skip
    assert isinstance(values["model.hidden"], list)


def test_of_scores_that_grow_the_highest_is_best(folder: Path) -> None:
    made = study(folder, **{"checkpoint.mode": "max"})
    for score in (0.2, 0.9, 0.5):
        taken = made.take(3)
        assert taken is not None
        taken.report([{"epoch": 0, "val/loss": score}, {"epoch": 1, "val/loss": score / 2}])
        assert taken.best == score
        made.complete(taken, score)
        taken.held.close()
    assert outcome.finished(made)[0].number == 1


def test_importance_names_what_decides(folder: Path) -> None:
    made = simulated(folder, 24)
    shares = outcome.importance(made)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["model.lr"] > 0.8
    assert list(shares) == ["model.lr", "model.hidden"]


def test_few_trials_have_no_importance(folder: Path) -> None:
    assert outcome.importance(simulated(folder, 8)) == {}
    assert draw_importance({}) is None


def test_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(simulated(folder, 14), Console(width=200))
    said = capsys.readouterr().out
    for words in ("on validation alone", "best.yaml", "importance", "make train TASK=t ARGS="):
        assert words in said
    names = {path.name for path in folder.glob("[!.]*")} - {"trials"}
    assert names == {"trials.csv", "best.yaml", "history.png", "importance.png", "study.journal"}
    assert (folder / "history.png").stat().st_size > 5000


def test_history_keeps_stopped_trials_in_view() -> None:
    figure = draw_history([(0, 1.0, True), (1, 0.5, True), (2, 80.0, False)], "val/loss", True)
    assert figure is not None
    [axes] = figure.axes
    assert axes.get_ylim()[1] < 2
    stopped, _, best = axes.get_lines()
    assert stopped.get_ydata()[0] == axes.get_ylim()[1]
    assert list(best.get_ydata()) == [1.0, 0.5]
    assert draw_history([(2, 80.0, False)], "val/loss", True) is None


def test_settings_by_section() -> None:
    values = {"model.lr": 1e-5, "data.window": 8, "trainer.max_epochs": 3, "model.hidden": [1]}
    assert configuration(values) == {
        "model": {"init_args": {"lr": 1e-5, "hidden": [1]}},
        "data": {"init_args": {"window": 8}},
        "trainer": {"max_epochs": 3},
    }
