"""What the commands answer to a mistake, and what make turns its words into."""

from pathlib import Path

import pytest

from tests.test_makefile import make


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (
            ["compare", "TASK=t", "NAME=a b", "SEEDS=5", "DATA=d", "model.lr=1"],
            "compare.py --task t --name 'a b' --seeds 5 --data.root='d' '--model.lr=1'",
        ),
        (["compare", "RUNS=a b", "NAME=n"], "compare.py --runs a b --name 'n'"),
        (["compare"], "compare needs TASK="),
        (["crossval", "TASK=t", "FOLDS=3"], "crossval.py --task t --folds 3"),
        (["results", "DATA=d", "ARGS=--only t"], "results.py --data 'd' --only t"),
        (["runs", "TASK=t", "ARGS=--all"], "runs.py --task t --all"),
        (["reproduce", "RUN=r"], "reproduce.py --run 'r'"),
        (["reproduce"], "reproduce needs RUN="),
    ],
)
def test_make(words: list[str], command: str) -> None:
    assert command in " ".join(make(*words).split())


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("tool", "args", "said"),
    [
        ("compare", ["--task=x"], "x: no such task"),
        ("compare", ["--task=toy", "--seeds=0"], "seeds=0: must be at least 1"),
        ("compare", ["--task=toy", "--model.hiden=x"], "model.hiden: no such option"),
        ("compare", ["--task=toy", "--data.root=none"], "none: no such folder"),
        ("compare", ["--task=toy", "--name=../x"], "not a name"),
        ("compare", ["--runs", "none"], "none: no such run"),
        ("compare", ["--runs", "none", "--model.lr=1"], "compared as they are"),
        ("crossval", ["--task=toy", "--folds=1"], "folds=1: must be at least 2"),
        ("reproduce", ["--run=none"], "none: no such run"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_leaves_nothing(
    tool: str, args: list[str], said: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = logs.with_name("plan.yaml")
    plan.write_text("variants: {a: }")
    if (tool, args[0]) == ("compare", "--task=toy"):
        args = [*args, f"--plan={plan}"]
    main = pytest.importorskip(f"kindling.tools.{tool}").main
    assert main([*args, f"--logs={logs}"]) == 2
    captured = capsys.readouterr().err
    assert captured.startswith("kindling: ")
    assert captured.count("\n") == 1
    assert said in captured
    assert not logs.exists()
