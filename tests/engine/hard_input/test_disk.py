"""Files that change while they are read, folders that may only be read, full disks."""

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from kindling.__main__ import main
from kindling.data import paths
from kindling.data.datamodule import DataModule
from kindling.data.files import fingerprint
from kindling.data.whole import write_once
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
    kind: str, root: Path, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    before_setup(monkeypatch, lambda: drop_a_row(root))
    assert "changed while it was read; start again" in refusal("fit", *flags_of(kind, root))


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
    kind: str, root: Path, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    file = first_file(kind, root)
    before_setup(monkeypatch, file.unlink)
    assert refusal("fit", *flags_of(kind, root)).startswith(f"kindling: {file}: ")


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
    assert "best.ckpt: cannot be written (No space left on device)" in refused()


def test_a_full_disk_leaves_no_half_of_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    def half(self: ToyTable, folder: Path) -> None:
        (folder / "toy.csv").write_text("a,b,ki")
        full()

    monkeypatch.setattr(paths, "SAMPLES", tmp_path / "sample")
    monkeypatch.setattr(ToyTable, "write_sample", half)
    message = f"{tmp_path / 'sample' / 'toy'}: cannot be written (No space left on device)"
    assert message in refusal("fit", *TABLE)
    assert not [path for path in (tmp_path / "sample").iterdir() if path.suffix != ".lock"]


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


LIMITED = """
import resource, signal, sys
from pathlib import Path
from kindling.data import paths
from kindling.__main__ import main

paths.SAMPLES, most = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("most", [64, 1_000, 4_000])
def test_no_file_may_be_large(most: int, root: Path, tmp_path: Path) -> None:
    """As on a small disk, something else fails at each size; what is there is whole."""
    logs = tmp_path / "logs"
    flags = [*flags_of("table", root), QUIET, f"--logs={logs}", "--threads=1"]
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(most), "train", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("kindling: ")
    assert ended.stderr.count("\n") == 1
    assert str(logs) in ended.stderr, "the file is named"
    assert "File too large" in ended.stderr
    assert not [path for path in logs.rglob("*.png") if not path.stat().st_size]
    assert not list(logs.rglob("config.yaml")), "without a checkpoint there is nothing to keep"


def test_a_full_disk_leaves_no_results_without_what_they_are_of(
    copied: Run, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    for name in ("results.json", "predictions.csv"):
        (copied.folder / name).unlink()
    error = refusal("test", f"--run={copied.folder}")
    assert f"{copied.folder / 'predictions.csv'}: cannot be written (No space left" in error
    assert not (copied.folder / "results.json").exists()
    assert not list(copied.folder.glob("*predictions.csv"))


class RemoveRun(Callback):
    """Somebody tidies up while a run trains."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        shutil.rmtree(trainer.default_root_dir)


class KillWorkers(Callback):
    """As a machine does that is out of memory."""

    def on_train_batch_start(self, *_: Any) -> None:
        for child in psutil.Process().children():
            child.kill()


def test_a_run_that_is_removed_while_it_trains(root: Path, refusal: Refusal) -> None:
    callbacks = f"--trainer.callbacks=[{__name__}.RemoveRun]"
    error = refusal("fit", *flags_of("table", root), callbacks)
    assert "its folder was removed" in error


@pytest.mark.slow
def test_a_process_that_loads_batches_is_killed(root: Path, refusal: Refusal) -> None:
    flags = [f"--trainer.callbacks=[{__name__}.KillWorkers]", "--data.num_workers=2"]
    error = refusal("fit", *flags_of("table", root), *flags, "--trainer.limit_train_batches=1.0")
    assert "a process that loads batches has ended" in error
    assert "data.num_workers" in error


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "model"])
def test_a_run_with_an_empty_config(text: str, copied: Run, refusal: Refusal) -> None:
    (copied.folder / "config.yaml").write_text(text)
    before = state(copied.folder)
    for command in ("test", "fit"):
        error = refusal(command, f"--run={copied.folder}")
        assert f"{copied.folder / 'config.yaml'}: holds no settings" in error
    assert state(copied.folder) == before


@pytest.mark.parametrize("text", ["epoch,step\nx,y\n", "a,b\n1,2\n", "\udcff\n", "epoch\n\0\n"])
def test_nonsense_in_the_table_of_metrics(text: str, copied: Run, refusal: Refusal) -> None:
    table = copied.folder / "metrics.csv"
    table.write_bytes(text.encode(errors="surrogateescape"))
    before = state(copied.folder / "checkpoints")
    error = refusal("fit", f"--run={copied.folder}", "--trainer.max_epochs=3")
    assert f"{table}: " in error
    assert "restore the file, or remove it" in error
    assert state(copied.folder / "checkpoints") == before


def test_samples_and_runs_follow_the_umask(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "SAMPLES", tmp_path / "sample")
    before = os.umask(0o027)
    try:
        assert main(["train", *TABLE, QUIET, f"--logs={logs}", "--trainer.max_epochs=1"]) == 0
    finally:
        os.umask(before)
    made = [path for top in (tmp_path / "sample", logs) for path in [top, *top.rglob("*")]]
    assert len(made) > 10
    for path in made:
        if not path.is_symlink():
            expected = 0o750 if path.is_dir() else 0o640
            assert path.stat().st_mode & 0o777 == expected, path


@pytest.mark.slow
def test_who_has_read_enough_ends_it_well(root: Path, tmp_path: Path) -> None:
    """``kindling train ... | head -1``."""
    flags = [*flags_of("table", root), QUIET, f"--logs={tmp_path / 'logs'}"]
    command = [sys.executable, "-m", "kindling", "train", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(240) == 0
