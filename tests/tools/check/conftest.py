"""The command over small data, and tables with planted faults."""

import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from kindling.data import paths
from kindling.data.sources import TableSource
from kindling.tools.check.finding import Section
from kindling.tools.check.rows import Rows, read_rows

MAIN: Callable[..., int] = runpy.run_path(str(paths.PROJECT / "scripts" / "check.py"))["main"]


class Checked(NamedTuple):
    """What the command ended with and said."""

    status: int
    out: str
    err: str

    def lines(self, level: str) -> list[str]:
        """The findings of a level, each in one line."""
        found: list[str] = []
        for line in self.out.splitlines():
            if line.startswith(("stop ", "warn ", "note ")):
                found.append(line)
            elif line.startswith("     ") and found:
                found[-1] = f"{found[-1].rstrip()} {line.strip()}"
        return [line.strip() for line in found if line.startswith(level)]


Check = Callable[..., Checked]
ReadRows = Callable[..., Rows]


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """The command, with runs below the test's own folder."""

    def run(task: str, *flags: str) -> Checked:
        status = MAIN(["--task", task, f"--logs={tmp_path / 'logs'}", *flags])
        said = capsys.readouterr()
        return Checked(status, said.out, said.err)

    return run


@pytest.fixture
def section() -> Section:
    return Section()


@pytest.fixture
def rows(tmp_path: Path, section: Section) -> ReadRows:
    """A table's rows, of which the first six tenths train and the last two tenths test."""

    def read(table: Mapping[str, Any], *targets: str, most: int = 1000, **kinds: Any) -> Rows:
        path = tmp_path / "table.csv"
        frame = pd.DataFrame(table)
        frame.to_csv(path, index=False)
        lines = np.arange(len(frame)) + 2
        ends = [0, len(frame) * 6 // 10, len(frame) * 8 // 10, len(frame)]
        names = ("train", "val", "test")
        cut = {n: {"row": lines[a:b]} for n, a, b in zip(names, ends, ends[1:], strict=False)}
        found = read_rows([TableSource(path, targets, **kinds)], cut, section, most)
        assert found is not None
        return found

    return read


def texts(section: Section, level: str) -> Sequence[str]:
    return [finding.text for finding in section.findings if finding.level == level]
