"""The plans of published scores are sound, and all their tables are put on one page."""

import shutil
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main
from kindling.tools import results
from kindling.tools.compare import comparison, plan
from kindling.tools.compare.plan import Plan


@pytest.mark.parametrize("path", sorted(results.FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_plans_are_sound_and_their_variants_differ(path: Path, tmp_path: Path) -> None:
    shipped = plan.read(path)
    assert path.read_text().startswith("# ")
    wanted = [runs[0] for runs in comparison.planned_runs(shipped, tmp_path, []).values()]
    assert len({str(run.settings) for run in wanted}) == len(wanted)
    assert len(shipped.repeats) >= 5, "a score is of five seeds or folds at least"


def test_one_page_of_all_that_have_their_data(
    toy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(toy / "toy.yaml", toy / "other.yaml")
    made: list[tuple[str, Sequence[str]]] = []

    def compare(
        chosen: Plan, folder: Path, flags: Sequence[str], options: Namespace, *rest: Any
    ) -> None:
        assert options.test, "scores that are published are of the test split"
        folder.mkdir(parents=True)
        (folder / "compare.md").write_text(f"table of {chosen.task}\n")
        made.append((chosen.task, flags))

    plans, logs, data = (tmp_path / name for name in ("plans", "logs", "data"))
    (data / "water").mkdir(parents=True)
    plans.mkdir()
    for name, task in (("water", "toy"), ("sky", "toy"), ("drawn", "other")):
        source = "" if name == "drawn" else f"data: {name}\n"
        (plans / f"{name}.yaml").write_text(f"task: {task}\n{source}folds: 5\nvariants: {{a: }}\n")
    monkeypatch.setattr(comparison, "compare", compare)
    monkeypatch.setattr(results, "FOLDER", plans)
    assert main(["results", f"--data={data}", f"--logs={logs}"]) == 0
    assert made == [("other", []), ("toy", [f"--data.root={data}/water"])]
    assert "sky: no data here (" in capsys.readouterr().out
    text = (logs / "results.md").read_text()
    assert "## water\n\ntable of toy\n" in text
    assert "sky" not in text
    assert main(["results", "--only", "sky", f"--logs={logs}"]) == 0
    assert "sky: no data here (name the folder that it lies in by DATA)" in capsys.readouterr().out
    assert (logs / "results.md").read_text() == "# Results\n"
    assert main(["results", "--only", "skies"]) == 2
    assert "no such plan in" in capsys.readouterr().err
