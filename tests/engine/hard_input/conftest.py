"""What is refused: in one line, with exit status 2, and nothing left or changed."""

from pathlib import Path

import pytest

from kindling.data import paths
from tests.engine.hard_input.kinds import Refused, flags_of, state, write
from tests.engine.toy import Refusal


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")


@pytest.fixture
def kind() -> str:
    return "table"


@pytest.fixture
def root(kind: str, tmp_path: Path) -> Path:
    """Sound files, for a test to harm."""
    return write(kind, tmp_path / "data" / "set")


@pytest.fixture
def refused(kind: str, root: Path, tmp_path: Path, refusal: Refusal) -> Refused:
    """What training says of data that it refuses, below the folder ``data``."""

    def run(*flags: str) -> str:
        before = state(tmp_path / "data")
        error = refusal("fit", *flags_of(kind, root), *flags)
        assert state(tmp_path / "data") == before
        return error

    return run
