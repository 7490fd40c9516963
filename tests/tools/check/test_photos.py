"""Photos: which cannot be read, and doubles in two splits."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kindling.tools.check.photos import Photo, check_photos, similar
from kindling.tools.check.report import Report


def write(path: Path, seed: int) -> Path:
    """A picture with shades and detail of its own."""
    rng = np.random.default_rng(seed)
    shades = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize((120, 90))
    detail = Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8))
    Image.blend(shades, detail.filter(ImageFilter.GaussianBlur(1.5)), 0.3).save(path)
    return path


def examine(
    report: Report, files: Sequence[Path], splits: Sequence[str], labels: Sequence[str] = ()
) -> None:
    labels = labels or [""] * len(files)
    images = [Photo(*known) for known in zip(files, splits, labels, strict=True)]
    check_photos(images, files[0].parent, True, report)


def resaved(source: Path, target: Path) -> None:
    Image.open(source).save(target.with_suffix(".jpg"), quality=75)


def smaller(source: Path, target: Path) -> None:
    image = Image.open(source)
    image.resize((image.width * 2 // 3, image.height * 2 // 3)).save(target)


def brighter(source: Path, target: Path) -> None:
    Image.open(source).point(lambda value: min(255, int(1.1 * value) + 5)).save(target)


@pytest.mark.parametrize("change", [shutil.copy, resaved, smaller, brighter])
def test_a_double_in_another_split_is_the_one_warning(
    tmp_path: Path, report: Report, change: Callable[[Path, Path], object]
) -> None:
    files = [write(tmp_path / f"{k}.png", k) for k in range(12)]
    change(files[3], tmp_path / "double.png")
    [double] = tmp_path.glob("double.*")
    examine(report, [*files, double], ["train"] * 6 + ["val"] * 6 + ["test"])
    what = "the same photo, byte for byte," if change is shutil.copy else "nearly the same photo"
    assert report.found["warn"] == {f"{what} in test and train": [f"{double.name}\n = 3.png"]}


def test_a_double_in_one_split_or_left_out_is_good_to_know(tmp_path: Path, report: Report) -> None:
    files = [write(tmp_path / f"{k}.png", k % 3) for k in range(6)]
    examine(report, files, ["train", "test", "val", "train", "", "val"])
    assert report.found["warn"] == {}
    assert {text: len(each) for text, each in report.found["note"].items()} == {
        "the same photo, byte for byte, twice in one split": 2,
        "the same photo, byte for byte, in test, and left out of the others": 1,
    }


def test_one_photo_of_two_classes(tmp_path: Path, report: Report) -> None:
    files = [write(tmp_path / f"{k}.png", k % 2) for k in range(3)]
    examine(report, files, ["train"] * 3, ["fog", "sun", "rain"])
    assert list(report.found["warn"]) == ["the same photo, byte for byte, in two classes"]


def test_smooth_pictures_are_not_alike_by_their_shades() -> None:
    """Two skies, brighter to the same side, with noise of their own."""
    rng = np.random.default_rng(0)
    slope = np.linspace(60, 200, 72)[None] + np.linspace(0, 30, 64)[:, None]
    grey = np.stack([slope + rng.normal(0, 2, slope.shape) for _ in range(2)]).astype(np.uint8)
    assert np.corrcoef(grey.reshape(2, -1))[0, 1] > 0.97
    assert similar(grey) == set()
    assert similar(grey[[0, 1, 0]]) == {(0, 2)}


def test_all_that_cannot_be_read_are_named(tmp_path: Path, report: Report) -> None:
    files = [write(tmp_path / f"{k}.png", k) for k in range(5)]
    files[1].write_bytes(b"")
    files[2].write_bytes(b"no picture")
    files[3].write_bytes(files[3].read_bytes()[:200])
    examine(report, files, ["train"] * 5)
    [(text, each)] = report.found["stop"].items()
    assert text == "photos that cannot be read"
    assert [line.rpartition("/")[2][:12] for line in each] == [
        "1.png: the f", "2.png: not a", "3.png: broke",
    ]  # fmt: skip
