"""The file of what is searched: what it may say, and what each mistake is answered with."""

from pathlib import Path

import pytest

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.sweep.space import FOLDER, Choice, Range, configuration, read, trial_flags

TASKS = [task for task in arguments.names(paths.CONFIGS) if (FOLDER / f"{task}.yaml").is_file()]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("task", TASKS)
def test_what_is_shipped_can_be_read(task: str) -> None:
    assert (FOLDER / f"{task}.yaml").read_text().startswith("# ")
    assert "model.lr" in read(task).searched


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
    space = read("timeseries", write(tmp_path, text))
    assert space.flags == ["--trainer.max_epochs=5", "--config", "smoke"]
    assert space.searched == {
        "model.lr": Range(1e-4, 1e-2, log=True),
        "model.layers": Range(1, 4),
        "model.dropout": Range(0.0, 0.5, step=0.1),
        "model.hidden": Choice([[64], [128, 64]]),
        "model.cell": Choice(["rnn", None, 3]),
    }
    whole = {n: s.whole for n, s in space.searched.items() if isinstance(s, Range)}
    assert whole == {"model.lr": False, "model.layers": True, "model.dropout": False}


def test_corners_have_every_choice_and_both_ends(tmp_path: Path) -> None:
    text = "space: {model.a: [1, 2, 3], model.b: {low: 5, high: 9}}"
    corners = read("clouds", write(tmp_path, text)).corners()
    assert [c["model.a"] for c in corners] == [1, 2, 3]
    assert {c["model.b"] for c in corners} == {5, 9}


def test_flags_are_as_a_person_types_them() -> None:
    values = {"model.hidden": [128, 64], "model.cell": "gru", "model.lr": 1e-5, "data.x": None}
    assert trial_flags(values) == [
        "--model.hidden=[128, 64]",
        "--model.cell=gru",
        "--model.lr=1.0e-05",
        "--data.x=null",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("space: [", "not valid YAML"),
        ("", "names no settings"),
        ("space: {}", "names no settings"),
        ("space: {model.a: [1, 2]}\ntrials: 3", "trials: expected space or flags"),
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
        read("timeseries", write(tmp_path, text))
    assert said in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "space.yaml"))


def test_no_such_file_or_task(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file; it names the settings"):
        read("timeseries", tmp_path / "none.yaml")
    with pytest.raises(UserError, match="timeserie: no such task; did you mean timeseries"):
        read("timeserie")


def test_classes_and_their_arguments(tmp_path: Path) -> None:
    text = """
space:
  optimizer.lr: {low: 1e-4, high: 1e-1, log: true}
  optimizer: [torch.optim.SGD, torch.optim.Adam]
  lr_scheduler: [null, torch.optim.lr_scheduler.ConstantLR]
"""
    space = read("potability", write(tmp_path, text))
    sgd, adam = space.corners()
    assert trial_flags(sgd)[0] == "--optimizer=torch.optim.SGD", "before its arguments"
    assert configuration(adam) == {
        "optimizer": {"init_args": {"lr": 0.1}, "class_path": "torch.optim.Adam"},
        "lr_scheduler": {"class_path": "torch.optim.lr_scheduler.ConstantLR"},
    }
