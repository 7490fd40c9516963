"""Files that change while they are read, folders that may only be read, full disks."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.data import paths
from kindling.data.datamodule import DataModule, write_once
from kindling.data.files import fingerprint
from tests.engine.hard_input.kinds import (
    KINDS,
    Refused,
    as_text,
    first_file,
    flags_of,
    read_rows,
    run_of,
    state,
    train,
)
from tests.engine.toy import QUIET, TABLE, Refusal, Run, ToyTable, write_photo


def before_setup(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Let ``change`` happen when a run has named its columns, before it reads its data."""
    setup = DataModule.setup

    def changed_setup(self: DataModule, stage: str) -> None:
        if not self.splits:
            change()
        setup(self, stage)

    monkeypatch.setattr(DataModule, "setup", changed_setup)


def drop_a_row(root: Path) -> None:
    (root / "toy.csv").write_text(as_text(read_rows(root)[:-1]))


@pytest.mark.parametrize("kind", ["table", "listed"])
def test_a_table_that_changes_between_prepare_and_setup_is_refused(
    kind: str, root: Path, monkeypatch: pytest.MonkeyPatch, refusal: Refusal, logs: Path
) -> None:
    before_setup(monkeypatch, lambda: drop_a_row(root))
    error = refusal("fit", *flags_of(kind, root))
    assert "changed while it was read; start again" in error
    assert not logs.exists()


@pytest.mark.parametrize("kind", ["series", "photos"])
def test_what_is_read_in_setup_is_what_the_fingerprint_is_of(
    kind: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change() -> None:
        if kind == "photos":
            write_photo(first_file(kind, root), (9, 9, 9), 999)
        else:
            drop_a_row(root)

    before_setup(monkeypatch, change)
    assert train(kind, root) == 0
    files = [path for path in root.rglob("*") if path.is_file()]
    assert run_of(root).json("provenance")["data"]["sha256"] == fingerprint(files, root)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_vanishes_between_prepare_and_setup_is_refused(
    kind: str, root: Path, monkeypatch: pytest.MonkeyPatch, refusal: Refusal, logs: Path
) -> None:
    file = first_file(kind, root)
    before_setup(monkeypatch, file.unlink)
    assert refusal("fit", *flags_of(kind, root)).startswith(f"kindling: {file}: ")
    assert not logs.exists()


@pytest.fixture
def read_only(root: Path) -> Iterator[Path]:
    everything = [root, *root.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield root
    for path in everything:
        path.chmod(0o755)


@pytest.mark.parametrize("kind", KINDS)
def test_data_that_may_only_be_read(kind: str, read_only: Path) -> None:
    before = state(read_only)
    assert train(kind, read_only) == 0
    assert state(read_only) == before, "root may write there all the same"


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    monkeypatch.setattr(torch, "save", full)
    assert "cannot save the checkpoint: No space left on device" in refused()


def test_a_full_disk_leaves_no_half_of_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Refusal, logs: Path
) -> None:
    def half(self: ToyTable, folder: Path) -> None:
        (folder / "toy.csv").write_text("a,b,ki")
        full()

    monkeypatch.setattr(paths, "SAMPLES", tmp_path / "sample")
    monkeypatch.setattr(ToyTable, "write_sample", half)
    assert refusal("fit", *TABLE) == "kindling: writing: No space left on device\n"
    assert not [path for path in (tmp_path / "sample").iterdir() if path.suffix != ".lock"]
    assert not logs.exists()


def test_a_sample_is_written_once(tmp_path: Path) -> None:
    def slowly(folder: Path) -> None:
        written.append(folder)
        time.sleep(0.1)
        (folder / "table.csv").write_text("whole")

    written: list[Path] = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write_once(tmp_path / "sample", slowly), range(4)))
    assert len(written) == 1
    assert (tmp_path / "sample" / "table.csv").read_text() == "whole"


TRAIN = """
import sys
from pathlib import Path
from kindling.data import paths
from kindling.__main__ import main

paths.SAMPLES = Path(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_two_at_once_write_the_sample_once_and_whole(tmp_path: Path) -> None:
    samples, logs = tmp_path / "sample", tmp_path / "logs"
    flags = [*TABLE, QUIET, f"--logs={logs}", "--threads=1"]
    command = [sys.executable, "-c", TRAIN, str(samples), "train", *flags]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("wrote the sample" in out for out in said) == 1
    assert {path.name for path in samples.iterdir()} <= {"toy", ".toy.lock"}
    whole = fingerprint([samples / "toy" / "toy.csv"], samples / "toy")
    for run in ("version_0", "version_1"):
        assert Run(logs / "toy" / run).json("provenance")["data"]["sha256"] == whole
