import logging
import multiprocessing
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kindling.errors import UserError
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
def opening(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Path], object]]:
    """What happens whenever a photo is opened."""
    original, happen = Image.open, list[Callable[[Path], object]]()

    def opened(path: Path, *args: Any, **kwargs: Any) -> Any:
        for each in happen:
            each(path)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Image, "open", opened)
    return happen


def test_images_are_those_read_one_by_one_and_opened_once(
    photos: list[Path], cache: Path, opening: list[Any]
) -> None:
    expected, opened = decoded(photos), list[Path]()
    opening.append(opened.append)
    for images in (load_images(photos, SIZE, None), *[load_images(photos, SIZE, cache)] * 2):
        assert images.dtype == torch.uint8
        assert images.is_contiguous()
        assert torch.equal(images, expected)
    assert sorted(opened) == sorted(2 * photos), "in memory, and for the first of two with a cache"
    if (maps := Path("/proc/self/maps")).exists():
        assert str(cache) in maps.read_text(), "a cache may be larger than memory"
    assert load_images([], SIZE, cache).shape == (0, 3, 12, 16)


def test_a_changed_photo_size_or_order_is_decoded_anew(photos: list[Path], cache: Path) -> None:
    load_images(photos, SIZE, cache)
    before = photos[2].stat()
    Image.new("RGB", (20, 20), "red").save(photos[2])
    os.utime(photos[2], ns=(before.st_atime_ns, before.st_mtime_ns))
    after = photos[2].stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))
    assert torch.equal(load_images(photos[::-1], SIZE, cache), decoded(photos[::-1]))
    assert load_images(photos, (5, 7), cache).shape == (5, 3, 5, 7)
    assert len(list(cache.iterdir())) == 4


def test_images_and_their_file_live_apart(photos: list[Path], cache: Path) -> None:
    images, other = load_images(photos, SIZE, cache), load_images(photos, SIZE, cache)
    images.zero_()
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))
    shutil.rmtree(cache)
    assert torch.equal(other, decoded(photos))


def test_what_a_killed_run_left_is_not_used_and_goes_after_a_day(
    photos: list[Path], cache: Path
) -> None:
    load_images(photos, SIZE, cache)
    (whole,) = cache.iterdir()
    parts = [whole.with_suffix(f".{age}.part") for age in ("old", "new")]
    for part in parts:
        part.write_bytes(whole.read_bytes()[:100])
    os.utime(parts[0], (0, 0))
    whole.write_bytes(whole.read_bytes()[:-1])
    assert torch.equal(load_images(photos, SIZE, cache), decoded(photos))
    assert sorted(cache.iterdir()) == sorted([whole, parts[1]])
    assert whole.stat().st_size == BYTES


def load(photos: list[Path], cache: Path) -> bytes:
    return load_images(photos, SIZE, cache).numpy().tobytes()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_runs_at_once_all_see_whole_images(photos: list[Path], cache: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.starmap(load, [(photos, cache)] * 4, chunksize=1)
    assert set(found) == {decoded(photos).numpy().tobytes()}
    assert [path.suffix for path in cache.iterdir()] == [".u8"]


def test_the_least_recently_used_makes_way(tmp_path: Path, cache: Path) -> None:
    sets = [write_photos(tmp_path / str(seed), seed) for seed in range(3)]
    for photos in sets[:2]:
        load_images(photos, SIZE, cache, 2 * BYTES)
    for path in cache.iterdir():
        os.utime(path, (1, 1))
    load_images(sets[0], SIZE, cache, 2 * BYTES)
    (used,) = (path for path in cache.iterdir() if path.stat().st_mtime > 1)
    load_images(sets[2], SIZE, cache, 2 * BYTES)
    assert len(list(cache.iterdir())) == 2
    assert used.exists()


@pytest.mark.parametrize("obstacle", ["limit", "full", "file", "short"])
def test_photos_without_room_are_held_in_memory_and_the_log_says_so(
    photos: list[Path],
    cache: Path,
    obstacle: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = decoded(photos)
    if obstacle == "full":
        usage = shutil.disk_usage("/")._replace(free=BYTES - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    elif obstacle == "file":
        cache.parent.mkdir(parents=True)
        cache.touch()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if obstacle == "short":
        resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES // 2, hard))
    try:
        images = load_images(photos, SIZE, cache, BYTES - (obstacle == "limit"))
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


def test_what_cannot_be_read_may_be_left_out_and_is_remembered(
    photos: list[Path], cache: Path, opening: list[Any]
) -> None:
    photos[3].write_bytes(b"no photo")
    for _ in range(2):
        faults: dict[int, str] = {}
        images = load_images(photos, SIZE, cache, faults=faults)
        assert list(faults) == [3]
        assert faults[3].startswith("not an image")
        assert not images[3].any()
        assert images[4].any()
        opening[:] = [lambda path: pytest.fail("decoded again")]
    with pytest.raises(UserError, match=r"3\.bmp: not an image"):
        load_images(photos, SIZE, cache)


def test_what_cannot_be_read_leaves_no_cache(
    photos: list[Path], cache: Path, opening: list[Any]
) -> None:
    whole = photos[3].read_bytes()
    photos[3].write_bytes(whole[:200])
    with pytest.raises(UserError, match=r"3\.bmp: broken image"):
        load_images(photos, SIZE, cache)
    photos[3].write_bytes(whole)

    def change(path: Path) -> None:
        other = cache.parent / f"of {path.name}"
        shutil.copy(photos[1], other)
        other.replace(photos[0])  # whole, while it may be read

    opening.append(change)
    with pytest.raises(UserError, match="photos changed while read; start again"):
        load_images(photos, SIZE, cache)

    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    opening[:] = [interrupt]
    with pytest.raises(KeyboardInterrupt):
        load_images(photos, SIZE, cache)
    assert list(cache.iterdir()) == []
    photos[1].unlink()
    with pytest.raises(UserError, match=r"1\.bmp: cannot be read \(No such file or directory\)"):
        load_images(photos, SIZE, cache)
