"""The plans of published scores: read, named by their faults, and all put on one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.compare import comparison, expected, results
from kindling.tools.compare.plan import Plan, SeedOrFold
from kindling.tools.compare.results import Published

SHIPPED = sorted(path.stem for path in results.FOLDER.glob("*.yaml"))
FAULTS = {
    "a list": ("[1, 2]", "names no task"),
    "no task": ("variants: {a: }", "names no task"),
    "other task": ("task: cloud\nvariants: {a: }", "cloud: no such task; did you mean clouds"),
    "no variants": ("task: clouds", "names no variants"),
    "folder": ("task: clouds\ndata: [a]\nvariants: {a: }", "data: ['a']: expected the name"),
    "folds": ("task: clouds\nfolds: five\nvariants: {a: }", "folds: five: expected a number"),
    "other key": ("task: clouds\nseed: 1\nvariants: {a: }", "seed: expected variants, seeds"),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_plans_are_sound(name: str, tmp_path: Path) -> None:
    published = results.read(results.FOLDER / f"{name}.yaml")
    assert name not in arguments.names(paths.PRESETS)
    assert (results.FOLDER / f"{name}.yaml").read_text().startswith("# ")
    cells = expected.cells(published.plan, published.units, tmp_path, published.flags(tmp_path))
    assert len({str(cell.settings) for cell in cells}) == len(cells)
    assert len(published.units) >= 5, "a score is of five seeds or folds at least"


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_named(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        results.read(path)
    assert str(error.value).startswith(str(path)) or "no such task" in str(error.value)
    assert message in str(error.value)


def test_a_plan_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UserError, match=f"cloud: no such plan in .*; there are .*{SHIPPED[-1]}"):
        results.choose(["cloud"])


def test_one_page_of_all_that_have_their_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[tuple[str, Sequence[str]]] = []

    def compare(
        plan: Plan, units: Sequence[SeedOrFold], folder: Path, flags: Any, *rest: Any
    ) -> None:
        folder.mkdir(parents=True)
        (folder / "compare.md").write_text(f"table of {plan.task}, {units[0].name}\n")
        made.append((plan.task, flags))

    monkeypatch.setattr(comparison, "compare", compare)
    units = [SeedOrFold("fold_0", {"data.fold": 0})]
    chosen = [
        Published("water", Plan("potability", {"default": []}), "water", units),
        Published("sky", Plan("clouds", {"default": []}), "sky", units),
        Published("drawn", Plan("faces", {"default": []}), None, units),
    ]
    (tmp_path / "data" / "water").mkdir(parents=True)
    logs = tmp_path / "logs"
    page = results.publish(chosen, tmp_path / "data", logs, None, Console(width=200))
    assert made == [
        ("potability", [f"--data.root={tmp_path}/data/water"]),
        ("faces", []),
    ]
    assert page == logs / "results.md"
    text = page.read_text()
    assert "## water\n\ntable of potability, fold_0\n" in text
    assert "sky" not in text
    assert "left out     sky: no data here" in capsys.readouterr().out


def test_without_data_the_samples_alone_are_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [Published("sky", Plan("clouds", {"default": []}), "sky", [])]
    page = results.publish(chosen, None, tmp_path, None, Console(width=200))
    assert "sky: no data here (name the folder that it lies in by DATA)" in capsys.readouterr().out
    assert page.read_text() == "# Results\n"
