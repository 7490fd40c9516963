"""Folders of runs: a number each, the newest by name, and none left of what came to nothing."""

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kindling.errors import UserError
from kindling.runs import folder as runs


def test_numbers_go_on_and_runs_of_the_same_moment_get_folders_of_their_own(tmp_path: Path) -> None:
    assert [runs.create(tmp_path, "task").name for _ in range(2)] == ["version_0", "version_1"]
    (tmp_path / "task" / "version_10").mkdir()
    (tmp_path / "task" / "version_x").mkdir()
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: runs.create(tmp_path, "task").name, range(32)))
    assert sorted(made) == sorted(f"version_{k}" for k in range(11, 43))


def test_latest_is_the_newest_run(tmp_path: Path) -> None:
    kept, made = runs.create(tmp_path, "task"), runs.create(tmp_path, "task")
    for run in (kept, made):
        (run / runs.CONFIG).touch()
        runs.point_latest(run)
    latest = tmp_path / "task" / "latest"
    assert runs.find(str(latest)).resolve() == made
    # An error before the first checkpoint leaves nothing.
    with pytest.raises(RuntimeError), runs.discard_unused(made):
        raise RuntimeError
    assert not made.exists()
    assert runs.find(str(latest)).resolve() == kept
    entries = [link.resolve() for link in (tmp_path / runs.TENSORBOARD / "task").iterdir()]
    assert entries == [kept], "latest is not one more run"


def test_finds_a_run_or_says_what_is_there(tmp_path: Path) -> None:
    run = runs.create(tmp_path, "task")
    with pytest.raises(UserError, match=r"not a run, it has no config\.yaml"):
        runs.find(str(run))
    with pytest.raises(UserError, match="no such run"):
        runs.find(str(tmp_path / "nowhere"))
    (run / runs.CONFIG).touch()
    assert runs.of_checkpoint(run / runs.BEST) == run
    assert runs.of_checkpoint(tmp_path / "checkpoints" / "best.ckpt") is None
    (tmp_path / "file").touch()
    made = r"cannot make a run folder \(Not a directory\); see --logs"
    with pytest.raises(UserError, match=made):
        runs.create(tmp_path / "file", "task")


def test_what_is_there_survives_a_disk_that_is_full(tmp_path: Path) -> None:
    runs.write(tmp_path / "config.yaml", "before\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UserError, match="File too large"):
            runs.write(tmp_path / "config.yaml", "after\n" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "config.yaml").read_text() == "before\n"
    assert len([*tmp_path.iterdir()]) == 1
