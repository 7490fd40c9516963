"""What a space can hold, and what a mistake is answered with."""

from pathlib import Path

import pytest

from kindling.errors import UserError
from kindling.tools.sweep.space import configuration, read, trial_flags

pytestmark = pytest.mark.usefixtures("toy")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return path


def test_kinds_of_settings(tmp_path: Path) -> None:
    text = """
flags: --trainer.max_epochs=5 --config smoke
space:
  model.lr: {low: 1e-4, high: 1.0e-2, log: true}
  model.layers: {low: 1, high: 4}
  model.dropout: {low: 0, high: 0.5, step: 0.1}
  model.hidden: [[64], [128, 64]]
  model.cell: [rnn, null, 3]
"""
    space = read("toy", write(tmp_path, text))
    assert space.flags == ["--trainer.max_epochs=5", "--config", "smoke"]
    assert space.searched == {
        "model.lr": {"low": 1e-4, "high": 1e-2, "log": True, "step": None},
        "model.layers": {"low": 1, "high": 4, "log": False, "step": None},
        "model.dropout": {"low": 0.0, "high": 0.5, "log": False, "step": 0.1},
        "model.hidden": [[64], [128, 64]],
        "model.cell": ["rnn", None, 3],
    }
    dropout = space.searched["model.dropout"]
    assert isinstance(dropout, dict)
    assert isinstance(dropout["low"], float)
    first, second, third = space.corners()
    assert [c["model.cell"] for c in (first, second, third)] == ["rnn", None, 3]
    assert {c["model.layers"] for c in (first, second)} == {1, 4}, "both ends"


def test_flags_are_as_a_person_types_them() -> None:
    values = {"model.hidden": [128, 64], "model.cell": "gru", "model.lr": 1e-5, "data.x": None}
    flags = ["--model.hidden=[128, 64]", "--model.cell=gru", "--model.lr=1.0e-05", "--data.x=null"]
    assert trial_flags(values) == flags


def test_settings_by_section_and_classes_before_their_arguments() -> None:
    values = {
        "optimizer.lr": 0.1,
        "optimizer": "torch.optim.SGD",
        "model.hidden": [1],
        "data.window": 8,
        "trainer.max_epochs": 3,
    }
    assert trial_flags(values)[0] == "--optimizer=torch.optim.SGD"
    assert configuration(values) == {
        "optimizer": {"init_args": {"lr": 0.1}, "class_path": "torch.optim.SGD"},
        "model": {"init_args": {"hidden": [1]}},
        "data": {"init_args": {"window": 8}},
        "trainer": {"max_epochs": 3},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("space: [", "not valid YAML"),
        ("", "names no space"),
        ("space: {}", "names no space"),
        ("space: {model.a: [1, 2]}\ntrials: 3", "trials: expected space, flags"),
        ("space: {model.a: [1, 2]}\nflags: [x]", "expected flags in one line"),
        ("space: {lr: [1, 2]}", "lr: not a setting"),
        ("space: {data: [1, 2]}", "data: trials that differ in it cannot be compared"),
        ("space: {checkpoint.mode: [min, max]}", "checkpoint.mode: trials that differ in it"),
        ("space: {model.a: 3}", "model.a: 3: expected a list of choices"),
        ("space: {model.a: [1]}", "model.a: [1]: expected two choices"),
        ("space: {model.a: [1, 1]}", "expected two choices at least, each once"),
        ("space: {model.a: [1, {b: 2}]}", "a choice is a number, a word"),
        ("space: {model.a: [1, 2020-01-01]}", "a choice is a number, a word"),
        ("space: {model.a: {low: 1}}", "model.a: high: null: expected a number"),
        ("space: {model.a: {low: one, high: 2}}", "low: one: expected a number"),
        ("space: {model.a: {low: .nan, high: 2}}", "low: .nan: expected a number"),
        ("space: {model.a: {low: true, high: 2}}", "low: true: expected a number"),
        ("space: {model.a: {low: 2, high: 1}}", "low: 2: must be below high: 1"),
        ("space: {model.a: {low: 0, high: 1, log: true}}", "must be above 0 where log is true"),
        ("space: {model.a: {low: 1, high: 2, log: 1}}", "log: 1: expected true or false"),
        ("space: {model.a: {low: 1, high: 2, max: 1}}", "max: expected a list of choices"),
        ("space: {model.a: {low: 1, high: 9, log: true, step: 2}}", "leave one of them out"),
        ("space: {model.a: {low: 1, high: 9, step: 0.5}}", "must be a whole number"),
        ("space: {model.a: {low: 1, high: 9, step: 3}}", "does not lead from 1 to 9"),
        ("space: {model.a: {low: 1, high: 9, step: -1}}", "does not lead from 1 to 9"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        read("toy", write(tmp_path, text))
    assert said in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "space.yaml"))


def test_no_such_file_or_task(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file; it names space"):
        read("toy", tmp_path / "none.yaml")
    with pytest.raises(UserError, match="toys: no such task; did you mean toy"):
        read("toys")
