"""What the commands answer to a mistake, and what make turns its words into."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main
from kindling.cli import tools
from tests.test_makefile import make


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (
            ["compare", "TASK=t", "NAME=a b", "SEEDS=5", "DATA=d", "model.lr=1", "EXECUTOR=ray"],
            "compare --task t --name 'a b' --seeds 5 --executor ray --data.root='d' '--model.lr=1'",
        ),
        (["compare", "RUNS=a b", "NAME=n"], "kindling compare --runs a b --name 'n'"),
        (["compare"], "compare needs TASK="),
        (["crossval", "TASK=t", "FOLDS=3"], "kindling crossval --task t --folds 3"),
        (["runs", "TASK=t", "ARGS=--all"], "kindling runs --task t --all"),
        (["reproduce", "RUN=r"], "kindling reproduce --run 'r'"),
        (["reproduce"], "reproduce needs RUN="),
        (["sweep", "TASK=t", "TRIALS=9", "NAME=n"], "kindling sweep --task t --trials 9 --name n"),
        (["sweep", "TASK=t", "PRESET=a", "ARGS=--jobs=1"], "--task t --config a --jobs=1"),
        (["sweep"], "sweep needs TASK="),
        (["export", "RUN=r", "DATA=d"], "kindling export --run 'r' --data.root='d'"),
        (["export"], "export needs RUN="),
        (["data", "TASK=t", "ARGS=--all"], "kindling fetch --task 't' --all"),
    ],
)
def test_make(words: list[str], command: str) -> None:
    assert " ".join(shlex.split(command)) in " ".join(shlex.split(make(*words)))


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("tool", "args", "said"),
    [
        ("compare", ["--task=x"], "x: no such task"),
        ("compare", [], "one of the arguments --task --runs is required; the options are listed"),
        ("compare", ["--task=toy", "--seeds=0"], "seeds=0: must be at least 1"),
        (
            "compare",
            ["--task=toy", "--model.hiden=x"],
            "model.hiden: no such option; did you mean model.hidden?",
        ),
        ("compare", ["--task=toy", "--data.root=none"], "none: no such folder"),
        ("compare", ["--task=toy", "--name=../x"], "not a name"),
        (
            "compare",
            ["--task=toy", "--plan=none"],
            "none: no such file; write one with lines",
        ),
        ("compare", ["--runs", "none"], "none: no such run"),
        ("compare", ["--runs", "none", "--model.lr=1"], "compared as they are"),
        ("crossval", ["--task=toy", "--folds=1"], "folds=1: must be at least 2"),
        ("reproduce", ["--run=none"], "none: no such run"),
        ("runs", ["--task=toy"], "no runs of toy there; start one: make train"),
        ("runs", ["--task=toys"], "toys: no such task; did you mean toy?"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_leaves_nothing(
    tool: str, args: list[str], said: str, logs: Path, refused: Any
) -> None:
    plan = logs.with_name("plan.yaml")
    plan.write_text("variants: {a: }")
    if (tool, *args[:1]) == ("compare", "--task=toy"):
        args = [args[0], f"--plan={plan}", *args[1:]]
    pytest.importorskip(f"kindling.tools.{tool}")
    assert said in refused(tool, *args, f"--logs={logs}")
    assert not logs.exists()


def test_each_tool_is_in_the_help_by_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "runner" not in tools.described(), "what tools share is none"
    for name, about in tools.described().items():
        assert f"{name} {about[:30]}" in shown
        assert main([name, "--help"]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert told.startswith(f"usage: kindling {name} ")
        assert about in told


def test_a_deleted_tool_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("def main(argv):\n    'My own.'\n")
    monkeypatch.setattr(tools, "FOLDER", tmp_path)
    assert main([]) == 0
    assert "  mine  My own." in capsys.readouterr().out
    assert main(["mein", "--task=toy"]) == 2
    assert "mein: no such command; did you mean mine?" in capsys.readouterr().err
    assert main(["compare", "--task=toy"]) == 2
    assert "compare: no such command" in capsys.readouterr().err
