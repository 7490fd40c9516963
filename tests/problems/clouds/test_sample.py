from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kindling.images import scan
from problems.clouds import sample
from problems.clouds.sample import KINDS, draw, write_sample

LABELS = list(KINDS)


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A few photos by seed 0, by seed 0 again, and by seed 1."""
    counts = {"clear sky": (3, 2), "cumulonimbus clouds": (1, 1)}
    fewer = {label: (counts.get(label, (2, 1)), draw) for label, (_, draw) in KINDS.items()}
    monkeypatch.setattr(sample, "KINDS", fewer)
    roots = [tmp_path / name for name in "abc"]
    for root, seed in zip(roots, (0, 0, 1), strict=True):
        write_sample(root, seed)
    return roots


def test_layout_and_imbalance_are_the_real_sets() -> None:
    assert sorted(LABELS) == LABELS
    totals = np.sum([counts for counts, _ in KINDS.values()], axis=0)
    assert totals.tolist() == [474, 486]
    assert KINDS["cumulonimbus clouds"][0] == (14, 11) == min(c for c, _ in KINDS.values())


def test_photos_lie_in_folders_by_class(roots: list[Path]) -> None:
    train, test = (scan(roots[0] / split) for split in ("clouds_train", "clouds_test"))
    assert train.classes == test.classes == LABELS
    assert np.bincount(train.labels).tolist() == [2, 3, 1, 2, 2, 2, 2]
    assert np.bincount(test.labels).tolist() == [1, 2, 1, 1, 1, 1, 1]
    for file in train.files + test.files:
        with Image.open(file) as photo:
            assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (256, 256))


def test_photos_depend_on_the_seed_alone_and_none_is_there_twice(roots: list[Path]) -> None:
    first, same, other = (
        {file.relative_to(root): file.read_bytes() for file in root.rglob("*.jpg")}
        for root in roots
    )
    assert first == same
    assert first.keys() == other.keys()
    assert len({*first.values(), *other.values()}) == 2 * len(first)


def texture(photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Saturation, and how rough the grey is at five scales, upright and across."""
    values = photo / 255
    grey = values.mean(axis=2)
    rough = [
        np.abs(np.diff(grey[::s, ::s], axis=a)).mean() for s in (2, 4, 8, 16, 32) for a in (0, 1)
    ]
    sparse = [np.log(np.abs(np.diff(grey[::4, ::4], axis=a)).std() + 1e-3) for a in (0, 1)]
    return np.array([np.ptp(values, axis=2).mean(), *np.log(np.array(rough) + 1e-3), *sparse, 1])


def least_squares(features: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Accuracy on the second half of a ridge regression on the first."""
    half = len(labels) // 2
    x, y = features[:half], np.eye(7)[labels[:half]]
    weights = x.T @ np.linalg.solve(x @ x.T + 1e-2 * np.eye(half), y)
    return float(((features[half:] @ weights).argmax(axis=1) == labels[half:]).mean())


def test_texture_tells_the_kinds_apart_and_pixels_do_not() -> None:
    labels = np.tile(np.arange(7), 40)
    photos = [draw(LABELS[k], np.random.default_rng([9, i])) for i, k in enumerate(labels)]
    pixels = np.stack([np.append(photo[::8, ::8].ravel() / 255 - 0.5, 1) for photo in photos])
    assert least_squares(np.stack([texture(photo) for photo in photos]), labels) > 0.55
    assert least_squares(pixels, labels) < 0.4
