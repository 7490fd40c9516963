"""What the shell is told, in this process and by bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kindling import arguments, complete, paths

PRESETS = arguments.names(paths.PRESETS)
TASKS = arguments.names(paths.CONFIGS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kindling ", list(arguments.COMMANDS)),
        ("kindling tr", ["train"]),
        ("kindling train --config=smo", ["--config=smoke"]),
        ("kindling train --config time", ["timeseries", "timeseries_96"]),
        ("kindling train --config ", [*TASKS, *PRESETS]),
        ("kindling train --config timeseries --model.ce", ["--model.cell"]),
        ("kindling train --config timeseries --model.cell=", ["gru", "lstm", "rnn"]),
        ("kindling train --config timeseries --model.cell l", ["lstm"]),
        ("kindling train --config timeseries --model.change=t", ["true"]),
        ("kindling train --config=timeseries --trainer.max_e", ["--trainer.max_epochs"]),
        ("kindling train --model.ce", []),
        ("kindling train --config nothing --model.ce", []),
    ],
)
def test_completes(
    line: str,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    word = line.rpartition(" ")[2]
    assert complete.main(["kindling", word, ""]) == 0
    found = capsys.readouterr().out.split()
    prefix = word.partition("=")[0] + "=" if "=" in word and "=" not in expected[0] else ""
    assert found == sorted(prefix + name for name in expected)


def test_completes_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "logs" / "clouds" / "version_3"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    (run.parent / "compare").mkdir()
    assert complete.candidates(["test"], "--run=lo") == ["--run=logs/clouds/version_3"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["kindling", "tr"], ["train"]),
        (
            ["kindling", "train", "--config", "=", "clou"],
            ["clouds", "clouds_course", "clouds_linear"],
        ),
    ],
)
def test_bash_asks_and_understands(words: list[str], expected: list[str]) -> None:
    line = " ".join(words).replace(" = ", "=")
    script = f"""
        source {paths.PROJECT / "scripts" / "completion.sh"}
        set -- $(complete -p kindling | sed "s/.*-C '\\(.*\\)' kindling/\\1/")
        COMP_LINE='{line}' COMP_POINT={len(line)} "$@" kindling '{words[-1]}' '{words[-2]}'
    """
    environment = {**os.environ, "KINDLING_PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == expected


def test_comes_without_importing_torch() -> None:
    code = (
        "import sys, kindling.complete; print({'torch', 'lightning', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
