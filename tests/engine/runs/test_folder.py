from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kindling.errors import UserError
from kindling.runs import folder as runs


def test_numbers_go_on(tmp_path: Path) -> None:
    names = [runs.create(tmp_path, "task").name for _ in range(3)]
    assert names == ["version_0", "version_1", "version_2"]
    (tmp_path / "task" / "version_10").mkdir()
    (tmp_path / "task" / "version_x").mkdir()
    assert runs.create(tmp_path, "task").name == "version_11"


def test_runs_of_the_same_moment_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: runs.create(tmp_path, "task"), range(64)))
    assert len(set(made)) == 64


def test_latest_points_to_the_run(tmp_path: Path) -> None:
    for _ in range(2):
        run = runs.create(tmp_path, "task")
        runs.point_latest(run)
        assert (tmp_path / "task" / "latest").resolve() == run


def test_where_links_cannot_be_made_a_file_says_which_is_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refused)
    for _ in range(2):
        run = runs.create(tmp_path, "task")
        (run / runs.CONFIG).touch()
        runs.point_latest(run)
    latest = tmp_path / "task" / "latest"
    assert latest.is_file()
    assert runs.find(str(latest)) == run
    assert runs.followed(latest / runs.BEST) == run / runs.BEST
    assert runs.logdir(tmp_path) == tmp_path
    with pytest.raises(RuntimeError), runs.discard_unused(run):
        raise RuntimeError
    assert runs.find(str(latest)) == tmp_path / "task" / "version_0"


def test_an_error_before_the_first_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    kept, made = runs.create(tmp_path, "task"), runs.create(tmp_path, "task")
    runs.point_latest(made)
    with pytest.raises(RuntimeError), runs.discard_unused(made):
        raise RuntimeError
    assert not made.exists()
    shown = tmp_path / runs.TENSORBOARD / "task"
    assert [link.resolve() for link in shown.iterdir()] == [kept], "latest is not one more run"
    assert (tmp_path / "task" / "latest").resolve() == kept
    assert runs.logdir(tmp_path) == tmp_path / runs.TENSORBOARD


def test_an_error_after_it_keeps_the_run(tmp_path: Path) -> None:
    run = runs.create(tmp_path, "task")
    with pytest.raises(RuntimeError), runs.discard_unused(run):
        (run / "checkpoints").mkdir()
        (run / runs.LAST).touch()
        raise RuntimeError
    assert (run / runs.LAST).exists()


def test_finds_a_run_or_says_what_is_there(tmp_path: Path) -> None:
    run = runs.create(tmp_path, "task")
    with pytest.raises(UserError, match=r"not a run, it has no config\.yaml"):
        runs.find(str(run))
    with pytest.raises(UserError, match="no such run"):
        runs.find(str(tmp_path / "nowhere"))
    (run / runs.CONFIG).touch()
    assert runs.find(str(run)) == run
    assert runs.of_checkpoint(run / runs.BEST) == run
    assert runs.of_checkpoint(tmp_path / "checkpoints" / "best.ckpt") is None


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"cannot make a run folder \(Not a directory\); see --logs"
    ):
        runs.create(tmp_path / "file", "task")
