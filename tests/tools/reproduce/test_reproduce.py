"""A run is made again, and what came out differently is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main as kindling
from tests.engine.toy import QUIET, TABLE, write_table


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logs = tmp_path_factory.mktemp("made")
    flags = ["--threads=1", f"--logs={logs}", f"--data.root={write_table(logs / 'data')}", QUIET]
    assert kindling(["train", *TABLE, *flags]) == 0
    return logs / "toy" / "version_0"


@pytest.mark.slow
def test_a_run_is_reproduced(run: Path, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kindling(["reproduce", "--run", str(run), f"--logs={logs}"]) == 0
    assert "all 2 scores, to the last digit" in capsys.readouterr().out
    [again] = (logs / "toy" / "reproduce").glob("*/toy/version_0")
    assert (again / "results.json").is_file()


def altered(run: Path, tmp_path: Path, file: str, *keys: str, value: Any) -> Path:
    """A copy of a run, one thing in one of its files changed."""
    copy = tmp_path / "version_0"
    shutil.copytree(run, copy)
    content = json.loads((copy / file).read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (copy / file).write_text(json.dumps(content))
    return copy


@pytest.mark.slow
def test_what_came_out_differently_is_named(
    run: Path, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = altered(run, tmp_path, "results.json", "metrics", "accuracy", "value", value=0.5)
    record = json.loads((other / "provenance.json").read_text())
    record["packages"]["torch"] = "1.0"
    record["command"] = "kindling train --run logs/toy/version_0"
    (other / "provenance.json").write_text(json.dumps(record))
    assert kindling(["reproduce", "--run", str(other), f"--logs={logs}"]) == 1
    captured = capsys.readouterr()
    assert "accuracy: not the same" in captured.err
    assert "auroc" not in captured.err
    assert "packages.torch 1.0, now" in captured.out


def test_other_data_cannot_reproduce(run: Path, logs: Path, tmp_path: Path, refused: Any) -> None:
    other = altered(run, tmp_path, "results.json", "data", "sha256", value="0" * 64)
    message = refused("reproduce", "--run", str(other), f"--logs={logs}")
    assert "the data have changed (SHA-256" in message
    assert not logs.exists()
