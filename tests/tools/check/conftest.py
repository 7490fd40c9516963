"""The command over small data."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kindling.__main__ import main


class Checked(NamedTuple):
    """What the command ended with and printed."""

    status: int
    out: str
    err: str

    def lines(self, level: str) -> list[str]:
        """The findings of a level, each in one line."""
        found = self.out.replace("\n     ", " ").splitlines()
        return [line for line in found if line.startswith(f"{level} ")]


Check = Callable[..., Checked]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """The command, with runs below the test's own folder."""

    def run(task: str, *flags: str) -> Checked:
        status = main(["check", "--task", task, f"--logs={tmp_path / 'logs'}", *flags])
        return Checked(status, *capsys.readouterr())

    return run
