"""Statistics of runs, and the tables and charts of them."""

import csv
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from kindling.errors import UserError
from kindling.tools.compare import comparison, record, report, table
from kindling.tools.compare.cells import Usage
from kindling.tools.compare.costs import MEMORY, PARAMETERS, PREDICTION, TRAINING, costs
from kindling.tools.compare.figures import draw_curves, draw_scores, draw_times, frontier
from kindling.tools.compare.interval import Estimate, mean_interval
from kindling.tools.compare.scores import (
    Variant,
    aliases,
    aligned,
    baseline,
    statistics_of,
    variant,
)
from kindling.tools.compare.table import Comparison

Make = Any
LSTM = {0: 0.5, 1: 0.6, 2: 0.55}
GRU = {0: 0.4, 1: 0.52, 2: 0.43, 3: 9.0}


@pytest.fixture
def variants(make: Make) -> list[Variant]:
    runs = {
        cell: [make(f"{cell}_{s}", {"mse": v}, seed=s, cell=cell) for s, v in scores.items()]
        for cell, scores in (("lstm", LSTM), ("gru", GRU))
    }
    found = [variant(cell, records) for cell, records in runs.items()]
    return [*found, baseline(runs["lstm"])]


@pytest.fixture
def compared(variants: list[Variant]) -> Comparison:
    return Comparison(variants, statistics_of(variants))


def test_scores_are_over_all_runs_and_differences_over_pairs(compared: Comparison) -> None:
    scores = compared.scores["mse"]
    assert scores["lstm"].mean == pytest.approx(statistics.mean(LSTM.values()))
    assert scores["lstm"].deviation == pytest.approx(statistics.stdev(LSTM.values()))
    assert scores["gru"].runs == 4
    assert scores["lstm"].difference is None
    paired = [GRU[seed] - LSTM[seed] for seed in LSTM]
    assert scores["gru"].difference == pytest.approx(mean_interval(paired))
    assert scores["last value"].mean == 1.0


def test_tables(compared: Comparison) -> None:
    grid = table.scores(compared)
    assert grid[0] == ["", "lstm", "gru", "last value"]
    assert grid[1] == ["runs", "3", "4", ""]
    assert grid[2][:2] == ["mse", "0.550 ± 0.050"]
    assert grid[2][3] == "1"
    assert table.differences(compared) == [
        ["minus lstm", "gru"],
        ["mse", "-0.100 (-0.150 to -0.050)"],
    ]
    assert table.markdown(grid).splitlines()[1] == "| --- | ---: | ---: | ---: |"


def test_many_variants_have_rows() -> None:
    few = [["", "a", "b"], ["mse", "1", "2"]]
    assert table.fitted(few) == few
    names = [f"v{k}" for k in range(table.COLUMNS)]
    assert table.fitted([["", *names], ["mse", *"12345678"]])[:2] == [["", "mse"], ["v0", "1"]]


def test_files_hold_every_digit(compared: Comparison, tmp_path: Path) -> None:
    table.write(compared, tmp_path)
    with (tmp_path / "scores.csv").open() as stream:
        rows = {row["variant"]: row for row in csv.DictReader(stream)}
    assert float(rows["gru"]["difference"]) == pytest.approx(-0.1)
    assert float(rows["gru"]["low"]) < float(rows["gru"]["high"]) < 0
    assert rows["lstm"]["difference"] == ""
    with (tmp_path / "runs.csv").open() as stream:
        runs = list(csv.DictReader(stream))
    assert len(runs) == 7
    assert [row["seed"] for row in runs if row["variant"] == "gru"] == ["0", "1", "2", "3"]
    assert all(Path(row["run"]).is_dir() for row in runs)


def test_a_single_pair_has_a_difference_and_no_interval(make: Make) -> None:
    found = [
        variant(cell, [make(cell, {"mse": v}, cell=cell)]) for cell, v in (("a", 0.5), ("b", 0.25))
    ]
    one = Comparison(found, statistics_of(found))
    assert one.scores["mse"]["b"].difference == pytest.approx(-0.25)
    assert table.differences(one)[1] == ["mse", "-0.25"]
    assert table.scores(one)[2] == ["mse", "0.5", "0.25"]


def test_one_metric_has_one_name_whatever_the_heads() -> None:
    names = {"identity/accuracy", "age/mae", "age/rmse", "accuracy", "mae", "r2"}
    assert aliases(names) == {"accuracy": "identity/accuracy", "mae": "age/mae"}
    assert aliases({"a/mae", "b/mae", "mae"}) == {}, "which of the two is not known"
    both, age = aligned(
        [Variant("both", {(0, 0): {"age/mae": 1}}), Variant("age", {(0, 0): {"mae": 2}})]
    )
    assert age.scores == {(0, 0): {"age/mae": 2}}
    assert both.scores == {(0, 0): {"age/mae": 1}}


def test_runs_that_cannot_be_one_variant(make: Make) -> None:
    same = [make("version_0", {"mse": 1.0}), make("version_1", {"mse": 2.0})]
    with pytest.raises(UserError, match="two runs have the same seed"):
        variant("lstm", same)
    other = [make("version_2", {"mse": 1.0}), make("version_3", {"mse": 2.0}, seed=1, sha256="e")]
    with pytest.raises(UserError, match="the data have changed between these runs"):
        variant("lstm", other)


def test_costs_say_nothing_where_nothing_is_known(make: Make) -> None:
    records = [make(f"version_{s}", {"mse": 1.0}, seed=s, seconds=s + 1.0) for s in (0, 1)]

    class Known(Usage):
        def __init__(self, peaks: list[float | None]) -> None:
            self.starts = [{"command": "train", "peak_mib": peak} for peak in peaks]

    whole = costs(records, [Known([300.0]), Known([400.0])], 2e-6)
    assert whole == {PARAMETERS: 100, TRAINING: 1.5, PREDICTION: pytest.approx(2.0), MEMORY: 400.0}
    part = costs(records, [Known([300.0]), Known([None, 400.0])], None)
    assert part == {PARAMETERS: 100, TRAINING: None, PREDICTION: None, MEMORY: None}


def test_charts(compared: Comparison) -> None:
    figure = draw_curves(compared.variants, "seed")
    assert figure is not None
    loss, mse = figure.axes
    assert loss.get_title(loc="left") == "loss, validation"
    assert mse.get_title(loc="left") == "mse, validation"
    assert [line.get_label() for line in loss.lines] == ["lstm", "gru"]
    assert list(loss.lines[0].get_ydata()) == pytest.approx([0.5, 0.3, 0.4])
    scores, differences = draw_scores(compared).axes
    assert len(scores.lines) == 6, "dots and a mean for each variant and the baseline"
    gru = compared.scores["mse"]["gru"].difference
    assert isinstance(gru, Estimate)
    assert list(differences.lines[0].get_xdata()) == pytest.approx([gru.low, gru.high])


def test_scores_by_time(make: Make) -> None:
    found = [
        replace(variant(cell, [make(cell, {"mse": 1.0}, cell=cell)]), costs={TRAINING: seconds})
        for cell, seconds in (("lstm", 20.0), ("gru", 10.0), ("rnn", None))
    ]
    figure = draw_times(Comparison(found, {}))
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "val/loss, best epoch"
    assert [text.get_text() for text in axes.texts] == ["lstm", "gru"], "the others have no time"
    assert list(axes.lines[0].get_xdata()) == [10.0], "the slower one is no better"
    assert draw_times(Comparison(found[1:], {})) is None, "one time says nothing"


def test_names_of_variants_that_are_alike_lie_beside_one_another(make: Make) -> None:
    near = {"first": 10.0, "second": 10.2, "third": 10.4, "another": 30.0}
    found = [
        replace(variant(name, [make(name, {"mse": 1.0})]), costs={TRAINING: seconds})
        for name, seconds in near.items()
    ]
    figure = draw_times(Comparison(found, {}))
    assert figure is not None
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == len(near)
    assert all(box.count_overlaps(boxes) == 1 for box in boxes), "each covers itself alone"


def test_what_is_not_as_good_as_something_quicker_is_off_the_frontier() -> None:
    seconds, scores = np.array([4.0, 1.0, 2.0, 1.0, 3.0]), np.array([0.1, 0.5, 0.6, 0.4, 0.2])
    assert frontier(seconds, scores) == [3, 4, 0]


def test_a_comparison_leaves_its_files(compared: Comparison, tmp_path: Path) -> None:
    console = Console(file=(tmp_path / "shown.txt").open("w"), width=160)
    folder = tmp_path / "compare"
    report.report(compared, folder, console, report.settings_grid(compared))
    console.file.close()
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("compare.md", "scores.csv", "runs.csv", "curves.png", "scores.png", ".tensorboard")
    }
    link = folder / ".tensorboard" / "gru" / "seed_3"
    assert link.resolve() == compared.variants[1].records[3].folder
    text, shown = (folder / "compare.md").read_text(), (tmp_path / "shown.txt").read_text()
    for words in ("model.cell", "minus lstm", "not a score on real data", "95 % interval"):
        assert words in text
        assert words in shown


def test_a_narrow_terminal_cuts_nothing_off(tmp_path: Path) -> None:
    path = tmp_path / "shown.txt"
    with path.open("w") as stream:
        table.show([["", "x" * 90], ["name", "y" * 90]], Console(file=stream, width=40))
    assert "y" * 90 in path.read_text()


def test_existing_runs_side_by_side(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        make(f"version_{k}", {"mse": 0.1 * k}, seed=k % 2, lr=0.1 ** (k // 2)) for k in range(4)
    ]
    console = Console(width=160)
    comparison.compare_runs([str(r.folder) for r in runs], "mine", tmp_path / "logs", console)
    shown = capsys.readouterr().out
    assert "model.lr=1.0" in shown
    assert "model.cell" not in shown, "a setting that is the same in all"
    assert "version_0" not in shown
    assert (tmp_path / "logs" / "timeseries" / "compare" / "mine" / "compare.md").is_file()


def test_runs_that_cannot_be_compared(make: Make, tmp_path: Path) -> None:
    good, untested = make("version_0", {"mse": 1.0}), make("version_1")
    other = make("version_0", {"mse": 1.0}, task="prices")
    with pytest.raises(UserError, match=r"version_1: has no results.json; first: make evaluate"):
        record.tested([str(good.folder), str(untested.folder)])
    with pytest.raises(UserError, match="runs of prices and timeseries: only runs of one task"):
        record.tested([str(good.folder), str(other.folder)])
    with pytest.raises(UserError, match="no such run"):
        record.tested([str(tmp_path / "none")])
