"""What a space can hold, and what a mistake is answered with."""

from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from kindling.errors import UserError
from kindling.tools.command import flags
from kindling.tools.sweep.space import Space, nested, read

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
    space = read("toy", write(tmp_path, text), ["--data.root=x"])
    shared = ["--config=toy", "--trainer.max_epochs=5", "--config", "smoke", "--data.root=x"]
    assert space.flags == shared
    assert space.searched["model.lr"] == FloatDistribution(1e-4, 1e-2, log=True)
    assert space.searched["model.layers"] == IntDistribution(1, 4)
    assert space.searched["model.dropout"] == FloatDistribution(0, 0.5, step=0.1)
    first, second, third = space.corners()
    assert [c["model.cell"] for c in (first, second, third)] == ["rnn", None, 3]
    assert [c["model.hidden"] for c in (first, second)] == [[64], [128, 64]]
    assert {c["model.layers"] for c in (first, second)} == {1, 4}, "both ends"


def test_flags_are_as_a_person_types_them() -> None:
    values = {"model.hidden": [128, 64], "model.cell": "gru", "model.lr": 1e-5, "data.x": None}
    typed = ["--model.hidden=[128, 64]", "--model.cell=gru", "--model.lr=1.0e-05", "--data.x=null"]
    assert flags(values) == typed


def test_settings_by_section_and_classes_before_their_arguments() -> None:
    values = {
        "optimizer.lr": 0.1,
        "optimizer": "torch.optim.SGD",
        "model.hidden": [1],
        "data.window": 8,
        "trainer.max_epochs": 3,
    }
    searched = dict.fromkeys(values, FloatDistribution(0, 1))
    assert next(iter(Space("t", Path(), [], searched).settings(values))) == "optimizer"
    assert nested(values) == {
        "optimizer": {"init_args": {"lr": 0.1}, "class_path": "torch.optim.SGD"},
        "model": {"init_args": {"hidden": [1]}},
        "data": {"init_args": {"window": 8}},
        "trainer": {"max_epochs": 3},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("space: [", "not valid YAML"),
        ("", "holds no settings"),
        ("space: {model.a: [1, 2]}\ntrials: 3", "trials: expected space, flags"),
        ("space: {model.a: [1, 2]}\nflags: [x]", "expected flags in one line"),
        ("space: {data: [1, 2]}", "data: trials that differ in it cannot be compared"),
        ("space: {checkpoint.mode: [min, max]}", "checkpoint.mode: trials that differ in it"),
        ("space: {model.a: 3}", "model.a: 3: expected a list of choices"),
        ("space: {model.a: [1]}", "model.a: [1]: expected two choices"),
        ("space: {model.a: [1, 1]}", "expected two choices at least, each once"),
        ("space: {model.a: {low: 1}}", "missing 1 required positional argument: 'high'"),
        ("space: {model.a: {low: one, high: 2}}", "could not convert string to float: 'one'"),
        ("space: {model.a: {low: 2, high: 1}}", "`low <= high` must hold"),
        ("space: {model.a: {low: 1, high: 2, max: 1}}", "max: 1}: expected a list of choices"),
        ("space: {model.a: {low: 1, high: 9, step: 3}}", "not divisible by `step`"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        read("toy", write(tmp_path, text))
    assert said in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "space.yaml"))


def test_no_such_file_or_task(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file; write one with lines"):
        read("toy", tmp_path / "none.yaml")
