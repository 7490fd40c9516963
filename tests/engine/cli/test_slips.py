"""Words in the wrong place: the answer is what was meant, before torch is imported."""

from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.data import paths


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of runs in the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    (run := Path("logs/toy/version_0")).mkdir(parents=True)
    (run / "config.yaml").write_text("trainer: {}\n")
    Path("logs/toy/latest").symlink_to("version_0")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("test --run logs/toy", "logs/toy: not a run; did you mean logs/toy/latest?"),
        ("test --run toy", "toy: not a run; did you mean logs/toy/latest?"),
        ("test --run logs/toy/latest/config.yaml", "a file; a run is a folder"),
        ("test --run logs", "logs: not a run, it has no config.yaml"),
        ("test --ckpt_path logs/toy/latest", "logs/toy/latest: a folder; a run is --run"),
        ("test logs/toy/latest", "not an option; did you mean --run logs/toy/latest?"),
        ("train --config nowhere", "they are listed by: kindling --help"),
        ("--config toy", "--config: a command comes first, as in kindling train --config"),
        ("compare --task timeseries --jobs=0", "jobs=0: must be at least 1"),
        ("compare --task timeseries --jobs=two", "jobs=two: must be a whole number"),
        ("demo --run logs/toy/latest --port=70000", "port=70000: must be at most 65,535"),
        ("demo --run logs/toy", "logs/toy: not a run; did you mean logs/toy/latest?"),
    ],
)
def test_the_answer_is_what_was_meant(
    command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
