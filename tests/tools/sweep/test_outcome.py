"""What a study leaves: the table, the best setting as a configuration, charts, links."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from optuna.trial import TrialState
from rich.console import Console

from kindling.tools.sweep import outcome
from kindling.tools.sweep.study import Study
from tests.tools.sweep.simulated import Fake, study, work


def simulated(folder: Path, count: int, **changed: object) -> Study:
    """Trials without processes: the learning rate decides, the width does nothing."""
    made = study(folder, **changed)
    for number in range(count):
        taken = made.take(count)
        assert taken is not None
        level = abs(taken.planned.settings["model.lr"] - 0.01)
        worse = taken.report([{"epoch": e, "val/loss": level + 0.1 * (2 - e)} for e in range(3)])
        made.tell(taken, TrialState.PRUNED if number == 3 or worse else TrialState.COMPLETE)
        taken.held.close()
    return made


def test_table_and_best(folder: Path) -> None:
    work(folder, 3, Fake(failing=lambda number: number == 1, level=lambda number: 5 - number))
    made = study(folder)
    outcome.report(made, Console(quiet=True))
    table = pd.read_csv(folder / "trials.csv")
    assert list(table) == [
        *("number", "state", "value", "epochs", "seconds", "model.lr", "model.hidden", "run")
    ]
    assert list(table["state"]) == ["complete", "failed", "complete", "complete"]
    assert table["value"].tolist() == pytest.approx([5.25, float("nan"), 3.25, 2.25], nan_ok=True)
    assert table["epochs"].tolist() == [4, 0, 4, 4]
    assert (table["seconds"] >= 0).all()
    assert all((Path(run) / "config.yaml").is_file() for run in table["run"])
    link = folder / ".tensorboard" / "trial_003"
    assert link.resolve() == Path(table["run"][3])
    text = (folder / "best.yaml").read_text()
    assert text.startswith("# Trial 3 of 3 of a sweep of t: val/loss 2.25, chosen on")
    values = made.values(made.complete()[0])
    assert isinstance(values["model.hidden"], list)
    init = {"lr": values["model.lr"], "hidden": values["model.hidden"]}
    assert yaml.safe_load(text) == {"model": {"init_args": init}}


def test_of_scores_that_grow_the_highest_is_best(folder: Path) -> None:
    made = study(folder, **{"checkpoint.mode": "max"})
    for score in (0.2, 0.9, 0.5):
        taken = made.take(3)
        assert taken is not None
        taken.report([{"epoch": 0, "val/loss": score}, {"epoch": 1, "val/loss": score / 2}])
        made.tell(taken, TrialState.COMPLETE)
        taken.held.close()
    assert [trial.value for trial in made.complete()] == [0.9, 0.5, 0.2]


def test_importance_names_what_decides(folder: Path) -> None:
    shares = outcome.importance(simulated(folder, 24))
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["model.lr"] > 0.8
    assert list(shares) == ["model.lr", "model.hidden"]


@pytest.mark.parametrize(("count", "charts"), [(14, {"importance.png"}), (8, set[str]())])
def test_report(
    count: int, charts: set[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome.report(simulated(folder, count), Console(width=200))
    said = capsys.readouterr().out
    for words in ("on validation alone", "best.yaml", "make train TASK=t ARGS=", *charts):
        assert words in said
    names = {path.name for path in folder.glob("[!.]*")} - {"trials"}
    assert names == {"trials.csv", "best.yaml", "history.png", "study.journal", *charts}
    assert (folder / "history.png").stat().st_size > 5000


def test_history_keeps_stopped_trials_in_view() -> None:
    rows = [(0, 1.0, "complete"), (1, 0.5, "complete"), (2, 80.0, "pruned")]
    table = pd.DataFrame(rows, columns=["number", "value", "state"])
    [axes] = outcome.draw_history(table, "val/loss", True).axes
    assert axes.get_ylim()[1] < 2
    stopped, _, best = axes.get_lines()
    assert stopped.get_ydata()[0] == axes.get_ylim()[1]
    assert list(best.get_ydata()) == [1.0, 0.5]
