import logging
import multiprocessing
import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kindling.errors import UserError
from kindling.images import cache as cache_module
from kindling.images import load_images, read_image

SIZE = (12, 16)
BYTES = 5 * 3 * 12 * 16


def write_photos(folder: Path, seed: int = 0) -> list[Path]:
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.bmp" for number in range(5)]
    for file in files:
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(file)
    return files


def decoded(files: list[Path]) -> Tensor:
    return torch.stack([read_image(file, SIZE) for file in files])


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return write_photos(tmp_path / "photos")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "not" / "there" / "yet"


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Iterator[Tensor]:
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache_module, "read_images", refuse)


def test_images_are_those_read_one_by_one(photos: list[Path], cache: Path) -> None:
    expected = decoded(photos)
    for images in (load_images(photos, SIZE, None), *[load_images(photos, SIZE, cache)] * 2):
        assert images.dtype == torch.uint8
        assert images.is_contiguous()
        assert torch.equal(images, expected)


def test_a_second_load_opens_no_photo(
    photos: list[Path], cache: Path, request: pytest.FixtureRequest
) -> None:
    first = load_images(photos, SIZE, cache)
    request.getfixturevalue("no_decoding")
    assert torch.equal(load_images(photos, SIZE, cache), first)
    with pytest.raises(AssertionError, match="decoded again"):
        load_images(photos, SIZE, None)


def test_a_changed_photo_size_or_order_is_decoded_anew(photos: list[Path], cache: Path) -> None:
    load_images(photos, SIZE, cache)
    before = photos[2].stat()
    Image.new("RGB", (20, 20), "red").save(photos[2])
    os.utime(photos[2], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert photos[2].stat().st_size == before.st_size
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))
    assert torch.equal(load_images(photos[::-1], SIZE, cache), decoded(photos[::-1]))
    assert load_images(photos, (5, 7), cache).shape == (5, 3, 5, 7)
    assert len(list(cache.iterdir())) == 4


def test_writing_to_the_images_changes_no_file(photos: list[Path], cache: Path) -> None:
    images = load_images(photos, SIZE, cache)
    expected = images.clone()
    images.zero_()
    assert torch.equal(load_images(photos, SIZE, cache), expected)


def test_images_outlive_their_file(photos: list[Path], cache: Path) -> None:
    images = load_images(photos, SIZE, cache)
    shutil.rmtree(cache)
    assert torch.equal(images, decoded(photos))


def test_a_file_larger_than_memory_is_mapped(tmp_path: Path) -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    path = tmp_path / "sparse.u8"
    with path.open("wb") as file:
        file.truncate(4 * memory)
    images = cache_module._mapped(path, (4, memory))
    assert images[3, -1] == 0


def test_no_photos_are_no_images(cache: Path) -> None:
    assert load_images([], SIZE, cache).shape == (0, 3, 12, 16)


def test_an_interrupted_run_leaves_nothing_behind(
    photos: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[Tensor]:
        yield torch.zeros(1, 3, *SIZE, dtype=torch.uint8)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "read_images", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load_images(photos, SIZE, cache)
    assert list(cache.iterdir()) == []
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))


def test_what_a_killed_run_left_is_not_used_and_goes_after_a_day(
    photos: list[Path], cache: Path
) -> None:
    load_images(photos, SIZE, cache)
    (whole,) = cache.iterdir()
    parts = [whole.with_suffix(f".{age}.part") for age in ("old", "new")]
    for part in parts:
        part.write_bytes(whole.read_bytes()[:100])
    os.utime(parts[0], (0, 0))
    whole.unlink()
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))
    assert sorted(cache.iterdir()) == sorted([whole, parts[1]])


def test_a_truncated_cache_is_replaced(photos: list[Path], cache: Path) -> None:
    load_images(photos, SIZE, cache)
    (whole,) = cache.iterdir()
    whole.write_bytes(whole.read_bytes()[:-1])
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))
    assert whole.stat().st_size == BYTES


def run(photos: list[Path], cache: Path, number: int, runs: int) -> None:
    """Load, and write down what was loaded; wait for ``runs`` to be ready, or die for want of any.

    Runs meet where each has decoded everything and none has put it in place.
    """
    replace = Path.replace

    def replace_late(part: Path, whole: Path) -> Path:
        (cache / f"{number}.ready").touch()
        if not runs:
            os.kill(os.getpid(), signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(list(cache.glob("*.ready"))) < runs:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return replace(part, whole)

    Path.replace = replace_late
    (cache / f"{number}.out").write_bytes(load_images(photos, SIZE, cache).numpy().tobytes())


def finish(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    return [process.exitcode for process in processes]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_two_runs_at_once_after_a_killed_one_all_see_whole_images(
    photos: list[Path], cache: Path
) -> None:
    process = multiprocessing.get_context("fork").Process
    cache.mkdir(parents=True)
    assert finish([process(target=run, args=(photos, cache, 0, 0))]) == [-signal.SIGKILL]
    (cache / "0.ready").unlink()
    assert [path.suffix for path in cache.iterdir()] == [".part"]
    pair = [process(target=run, args=(photos, cache, number, 2)) for number in (1, 2)]
    assert finish(pair) == [0, 0]
    for number in (1, 2):
        assert (cache / f"{number}.out").read_bytes() == decoded(photos).numpy().tobytes()
    assert len(list(cache.glob("*.u8"))) == 1
    assert len(list(cache.glob("*.part"))) == 1  # the killed run's, which is not a day old
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))


def test_the_least_recently_used_makes_way(tmp_path: Path, cache: Path) -> None:
    sets = [write_photos(tmp_path / str(seed), seed) for seed in range(3)]
    limit = 2 * BYTES
    load_images(sets[0], SIZE, cache, limit)
    load_images(sets[1], SIZE, cache, limit)
    for path in cache.iterdir():
        os.utime(path, (1, 1))
    load_images(sets[0], SIZE, cache, limit)
    (kept,) = (path for path in cache.iterdir() if path.stat().st_mtime > 1)
    load_images(sets[2], SIZE, cache, limit)
    assert len(list(cache.iterdir())) == 2
    assert kept.exists()


@pytest.mark.parametrize("obstacle", ["limit", "full", "file", "short"])
def test_photos_without_room_are_held_in_memory_and_the_log_says_so(
    photos: list[Path],
    cache: Path,
    obstacle: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    limit, expected = BYTES, decoded(photos)
    if obstacle == "limit":
        limit = BYTES - 1
    elif obstacle == "full":
        usage = shutil.disk_usage("/")._replace(free=BYTES - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    elif obstacle == "file":
        cache.parent.mkdir(parents=True)
        cache.touch()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if obstacle == "short":
        resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES // 2, hard))
    try:
        images = load_images(photos, SIZE, cache, limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert torch.equal(images, expected)
    assert not cache.is_dir() or list(cache.iterdir()) == []
    (record,) = (record for record in caplog.records if record.levelno >= logging.WARNING)
    assert record.message.startswith(f"{cache}: photos are held in memory, not in this cache: ")


def test_photos_that_fit_nowhere_are_refused(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    total = SimpleNamespace(total=2 * BYTES - 1)
    monkeypatch.setattr("psutil.virtual_memory", lambda: total)
    with pytest.raises(UserError, match=r"5 photos of 12x16 .* set a cache folder"):
        load_images(photos, SIZE, None)


def test_a_broken_photo_leaves_no_cache(photos: list[Path], cache: Path) -> None:
    photos[3].write_bytes(photos[3].read_bytes()[:200])
    with pytest.raises(UserError, match=r"3\.bmp: broken image"):
        load_images(photos, SIZE, cache)
    assert list(cache.iterdir()) == []


def test_a_photo_that_changes_while_it_is_read_is_refused(
    photos: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(paths: list[Path], size: tuple[int, int]) -> Iterator[Tensor]:
        yield torch.stack([read_image(path, size) for path in paths])
        Image.new("RGB", (9, 9), "red").save(photos[0])

    monkeypatch.setattr(cache_module, "read_images", slow)
    with pytest.raises(UserError, match="photos changed while read; start again"):
        load_images(photos, SIZE, cache)
    assert list(cache.iterdir()) == []


def test_a_missing_photo_is_named(photos: list[Path], cache: Path) -> None:
    photos[1].unlink()
    with pytest.raises(UserError, match=r"1\.bmp: No such file or directory; check the path"):
        load_images(photos, SIZE, cache)
    with pytest.raises(UserError, match=r"1\.bmp: no such image file; check the path"):
        load_images(photos, SIZE, None)
