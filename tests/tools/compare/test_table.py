"""The tables and charts of a comparison, and what it leaves in its folder."""

import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kindling.errors import UserError
from kindling.tools.compare import main, table
from kindling.tools.compare.costs import MEMORY, PARAMETERS, PREDICTION, TRAINING, costs
from kindling.tools.compare.figures import draw_curves, draw_scores, draw_times
from kindling.tools.compare.report import report
from kindling.tools.compare.scores import Comparison, Variant
from kindling.tools.runner import grid, record
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.process import note

Make = Any


def test_tables(compared: Comparison) -> None:
    scores = table.scores(compared)
    assert scores[0] == ["", "lstm", "gru", "last value"]
    assert scores[1] == ["runs", "3", "4", ""]
    assert scores[2][:2] == ["mse", "0.550 ± 0.050"]
    assert scores[2][3] == "1"
    assert scores[3] == ["training, s", "4.0", "8.0", "–"]  # noqa: RUF001
    assert table.differences(compared) == [
        ["minus lstm", "gru"],
        ["mse", "-0.100 (-0.150 to -0.050)"],
    ]
    assert grid.markdown(scores).splitlines()[1] == "| --- | ---: | ---: | ---: |"


def test_many_variants_have_rows() -> None:
    few = [["", "a", "b"], ["mse", "1", "2"]]
    assert table.fitted(few) == few
    names = [f"v{k}" for k in range(table.COLUMNS)]
    assert table.fitted([["", *names], ["mse", *"12345678"]])[:2] == [["", "mse"], ["v0", "1"]]


def test_a_single_pair_has_a_difference_and_no_interval(make: Make) -> None:
    found = [Variant(c, [make(c, {"mse": v}, cell=c)]) for c, v in (("a", 0.5), ("b", 0.25))]
    one = Comparison(found)
    assert table.differences(one)[1] == ["mse", "-0.25"]
    assert table.scores(one)[2] == ["mse", "0.5", "0.25", "1"]


def test_costs_say_nothing_where_nothing_is_known(make: Make, tmp_path: Path) -> None:
    records = [make(f"version_{s}", {"mse": 1.0}, seed=s, seconds=s + 1.0) for s in (0, 1)]
    planned = [PlannedRun("a", "t", tmp_path / str(k), [], {}) for k in (0, 1)]
    for run, peak in zip(planned, (300.0, 400.0), strict=True):
        run.folder.mkdir()
        note(run, starts=[{"peak_mib": peak}], prediction_s=2e-6)
    whole = {PARAMETERS: 100, TRAINING: 1.5, PREDICTION: pytest.approx(2.0), MEMORY: 400.0}
    assert costs(records, planned) == whole
    note(planned[1], starts=[{"peak_mib": None}, {"peak_mib": 400.0}])
    records[1].provenance["command"] = "kindling train --run logs/version_1"
    part = {**whole, TRAINING: None, MEMORY: None}
    assert costs(records, planned) == part


def test_charts(compared: Comparison) -> None:
    figure = draw_curves(compared)
    assert figure is not None
    loss, mse = figure.axes
    assert loss.get_title(loc="left") == "loss, validation"
    assert mse.get_title(loc="left") == "mse, validation"
    assert [line.get_label() for line in loss.lines] == ["lstm", "gru"]
    assert list(loss.lines[0].get_ydata()) == pytest.approx([0.5, 0.3, 0.4])
    scores, differences = draw_scores(compared).axes
    assert len(scores.lines) == 6, "dots and a mean for each variant and the baseline"
    gru = compared.scores["mse", "gru"]
    assert list(differences.lines[0].get_xdata()) == pytest.approx([gru["low"], gru["high"]])


def test_scores_by_time(make: Make) -> None:
    times = {"lstm": 20.0, "gru": 10.0, "rnn": None}
    found = [
        Variant(cell, [make(cell, {"mse": 1.0}, cell=cell)], {TRAINING: seconds})
        for cell, seconds in times.items()
    ]
    figure = draw_times(Comparison(found))
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "val/loss, best epoch"
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["lstm", "gru"], "the others have no time"
    assert list(axes.lines[0].get_xdata()) == [10.0], "the slower one is no better"
    assert draw_times(Comparison(found[1:])) is None, "one time says nothing"


def test_a_comparison_leaves_its_files(compared: Comparison, tmp_path: Path) -> None:
    console = Console(file=(tmp_path / "shown.txt").open("w"), width=160)
    folder = tmp_path / "compare"
    report(compared, folder, console)
    console.file.close()
    names = {path.name for path in folder.iterdir()}
    charts = ("curves.png", "times.png", "scores.png")
    assert names == {"compare.md", "scores.csv", "runs.csv", *charts, ".tensorboard"}
    link = folder / ".tensorboard" / "gru" / "seed_3"
    assert link.resolve() == compared.variants[1].records[3].folder
    text, shown = (folder / "compare.md").read_text(), (tmp_path / "shown.txt").read_text()
    for words in ("model.cell", "minus lstm", "not a score on real data", "95 % interval"):
        assert words in text
        assert words in shown


def test_a_narrow_terminal_cuts_nothing_off(tmp_path: Path) -> None:
    path = tmp_path / "shown.txt"
    with path.open("w") as stream:
        grid.show([["", "x" * 90], ["name", "y" * 90]], Console(file=stream, width=40))
    assert "y" * 90 in path.read_text()


def test_existing_runs_side_by_side(
    make: Make, logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [
        make(f"version_{k}", {"mse": 0.1 * k}, seed=k % 2, lr=0.1 ** (k // 2)) for k in range(4)
    ]
    monkeypatch.setattr(sys, "argv", ["compare.py"])
    folders = [str(run.folder) for run in runs]
    assert main(["--runs", *folders, "--name=mine", f"--logs={logs}"]) == 0
    shown = capsys.readouterr().out
    assert "model.lr=1.0" in shown
    assert "model.cell" not in shown, "a setting that is the same in all"
    assert "version_0" not in shown
    assert (logs / "toy" / "compare" / "mine" / "compare.md").is_file()


def test_runs_that_cannot_be_compared(make: Make, tmp_path: Path) -> None:
    good, untested = make("version_0", {"mse": 1.0}), make("version_1")
    other = make("version_0", {"mse": 1.0}, task="other")
    with pytest.raises(UserError, match=r"version_1: has no results.json; first: make evaluate"):
        record.tested([str(good.folder), str(untested.folder)])
    with pytest.raises(UserError, match="runs of other and toy: only runs of one task"):
        record.tested([str(good.folder), str(other.folder)])
    with pytest.raises(UserError, match="no such run"):
        record.tested([str(tmp_path / "none")])
