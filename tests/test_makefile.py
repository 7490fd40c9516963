"""What make turns its words into, without running it."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from kindling.data import paths


def make(*words: str) -> str:
    # Without what a `make test` around this test passes on.
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.installed", *words],
        cwd=paths.PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (done.stdout if done.returncode == 0 else done.stderr).strip()


def test_a_word_in_lower_case_is_a_flag_with_or_without_a_dot() -> None:
    words = ["seed_everything=7", "threads=1", "optimizer=SGD", "optimizer.lr=0.1", "PRESET=smoke"]
    line = make("train", "TASK=potability", *words)
    command, *flags = shlex.split(line)
    assert command.endswith("kindling")
    assert flags[:5] == ["train", "--config", "potability", "--config", "smoke"]
    assert sorted(flags[5:]) == [f"--{word}" for word in sorted(words[:4])]


@pytest.mark.parametrize("word", ["OPTIMIZER=SGD", "Seed=3", "PRESETT=smoke"])
def test_a_word_in_capitals_that_make_does_not_know_is_refused(word: str) -> None:
    said = make("train", "TASK=timeseries", word)
    assert f"{word.partition('=')[0]}: no such variable" in said
    assert said.count("\n") == 0


def test_what_make_would_change_is_refused() -> None:
    said = make("train", "TASK=timeseries", "trainer.callbacks+=Timer")
    assert 'ARGS="--trainer.callbacks+=Name"' in said


def test_data_presets_and_args() -> None:
    words = ("train", "TASK=t", "DATA=my data", "PRESET=a b", 'ARGS=--x="1 2" --y=3')
    line = " ".join(make(*words).split())
    assert line.endswith(
        """train --config 't' --config 'a' --config 'b' --data.root='my data' --x="1 2" --y=3"""
    )


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["evaluate", "RUN=r"], "test --run 'r'"),
        (["evaluate", "RUN=r", "DATA=d"], "test --run 'r' --data.root='d'"),
        (["predict", "RUN=r", "INPUT=x.csv"], "predict --run 'r' --data.input='x.csv'"),
        (["finetune", "RUN=r"], "train --from_run 'r'"),
        (
            ["finetune", "RUN=r", "TASK=t", "PRESET=a", "DATA=d", "ARGS=--freeze=backbone"],
            "train --from_run 'r' --config 't' --config 'a' --data.root='d' --freeze=backbone",
        ),
        (["resume", "RUN=r", "trainer.max_epochs=9"], "train --run 'r' '--trainer.max_epochs=9'"),
    ],
)
def test_commands(words: list[str], command: str) -> None:
    assert " ".join(make(*words).split()).endswith(command)


NAMES = [
    "it's mine.csv",
    "x; touch pwned",
    "`touch pwned`",
    "$(shell touch pwned)",
    "$HOME",
    "a\\b",
]
TARGETS = {
    "train": ["TASK", "DATA", "PRESET", "model.x", "optimizer"],
    "evaluate": ["RUN", "DATA", "model.x"],
    "predict": ["RUN", "INPUT"],
    "resume": ["RUN"],
    "finetune": ["RUN", "TASK", "PRESET", "DATA"],
    "compare": ["TASK", "NAME", "SEEDS", "FOLDS", "EXECUTOR", "PRESET", "DATA"],
    "compare RUNS": ["RUNS"],
    "crossval": ["TASK", "NAME", "FOLDS"],
    "sweep": ["TASK", "TRIALS", "NAME"],
    "runs": ["TASK"],
    "reproduce": ["RUN"],
    "export": ["RUN", "DATA"],
    "data": ["TASK"],
    "check": ["TASK", "PRESET", "DATA"],
    "new": ["TASK", "KIND", "TARGET", "DATA", "TARGET_COLUMN"],
    "update": ["TO", "FROM"],
    "remove": ["TASK"],
    "bench": ["LOOPS", "DATA"],
    "pictures": ["RUN"],
}
"""By target, what is typed there."""


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_typed_arrives_as_it_is_and_runs_nothing(
    target: str, text: str, tmp_path: Path
) -> None:
    for program in ("kindling", "python"):
        (tmp_path / program).write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
        (tmp_path / program).chmod(0o755)
    names = TARGETS[target]
    done = subprocess.run(
        ["make", f"--file={paths.PROJECT / 'Makefile'}", "--old-file=.venv/.installed",
         target.split()[0], "BIN=.", *(f"{name}={text}" for name in names)],
        cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert not (tmp_path / "pwned").exists()
    if target == "remove":
        assert f"TASK={text}: no such problem" in done.stderr
        return
    several = {"PRESET", "RUNS"} | ({"RUN"} if target == "pictures" else set())
    for name in names:
        for word in text.split() if name in several else [text]:
            wanted = word if name.isupper() else f"--{name}={word}"
            assert any(line.endswith(wanted) for line in done.stdout.splitlines()), (name, done)


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["train"], "TASK"),
        (["evaluate"], "RUN"),
        (["predict", "RUN=r"], "INPUT"),
        (["resume"], "RUN"),
    ],
)
def test_what_is_missing_is_named(words: list[str], missing: str) -> None:
    assert f"{words[0]} needs {missing}=" in make(*words)


def test_help_names_every_target() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=paths.PROJECT, capture_output=True, text=True, check=True
    ).stdout
    text = (paths.PROJECT / "Makefile").read_text()
    [phony] = [line for line in text.splitlines() if line.startswith(".PHONY:")]
    for target in phony.removeprefix(".PHONY:").split():
        assert f"\n  {target} " in shown
