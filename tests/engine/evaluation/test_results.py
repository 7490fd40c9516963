import io
from pathlib import Path

import pytest
from rich.console import Console

from kindling.evaluation.results import CLASSES, Results, show


def results(classes: int) -> Results:
    score = {"value": 0.5, "low": 0.4, "high": 0.6}
    return {
        "samples": 90,
        "split": "test",
        "metrics": {"accuracy": score},
        "baseline": {"name": "majority", "metrics": {"accuracy": score}},
        "other_baselines": [],
        "skill": {"accuracy": 0.0},
        "per_class": {f"class {k}": {"recall": 0.25, "support": 3} for k in range(classes)},
        "data": {"root": "somewhere", "sample": False},
    }


@pytest.mark.parametrize(
    ("classes", "shown"), [(3, "class 2"), (CLASSES, f"class {CLASSES - 1}"), (1000, "1,000, ")]
)
def test_classes_have_a_line_each_unless_they_are_many(classes: int, shown: str) -> None:
    stream = io.StringIO()
    run = Path("/logs/task/version_0")
    show(results(classes), run, Console(file=stream, width=100, highlight=False))
    text = stream.getvalue()
    assert shown in text
    assert ("class 0" in text) == (classes <= CLASSES)
    assert len(text.splitlines()) < CLASSES + 20
