"""Faults that are planted in a data set are found and named; in a sound one nothing is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageFilter
from torchmetrics.functional.classification import binary_auroc

from kindling.tools.check.tables import auroc
from tests.engine import toy
from tests.tools.check.conftest import Check, Checked

ROWS = 200
Table = dict[str, Any]
Examine = Callable[..., Checked]


@pytest.fixture
def examine(check: Check, tmp_path: Path) -> Examine:
    """The command over a table whose last forty rows are the test."""

    def run(table: Table, *flags: str, test: slice = slice(160, ROWS)) -> Checked:
        rows = pd.DataFrame(table)
        rows.drop(rows.index[test]).to_csv(tmp_path / "toy.csv", index=False)
        rows[test].to_csv(tmp_path / "test.csv", index=False)
        files = (f"--data.root={tmp_path}", "--data.table=toy.csv", "--data.test=test.csv")
        names = [name for name in table if name not in ("label", "kind")]
        flags = flags or (f"--data.numbers=[{','.join(names)}]",)
        return check("smoke", *toy.TABLE, *files, *flags)

    return run


def sound(seed: int = 0) -> Table:
    """Two numbers with holes, a category, and a class that follows from all, with noise."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=ROWS).round(4), rng.gamma(2, size=ROWS).round(4)
    kind = rng.choice(["x", "y", "z"], ROWS)
    label = (a + b + (kind == "x") + rng.normal(0, 1.5, ROWS) > 2).astype(int)
    a[rng.choice(ROWS, 20, replace=False)] = np.nan
    return {"a": a, "b": b, "kind": kind, "label": label}


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_wrong_with_a_sound_table(examine: Examine, seed: int) -> None:
    checked = examine(sound(seed))
    assert checked.status == 0, checked.err
    assert "0 stop, 0 warn, 0 note" in checked.out


def noisy(table: Table) -> np.ndarray:
    return table["label"] + np.random.default_rng(1).normal(0, 0.1, ROWS)


def absent(table: Table) -> np.ndarray:
    """Missing for most of one class, otherwise noise."""
    rng = np.random.default_rng(1)
    gone = (table["label"] == 1) & (rng.random(ROWS) < 0.8)
    return np.where(gone, np.nan, rng.normal(size=ROWS).round(4))


def twice(table: Table) -> Table:
    """The third row of the test repeats a row of training but for the last digits."""
    for name in ("a", "b"):
        table[name][162] = table[name][5] = 0.5
    table["b"][162] += 1e-6
    table["kind"][162] = table["kind"][5]
    return table


NUMBERS = ("--data.numbers=[a,b]", "--data.categories=[kind,c]")
PLANTED: list[tuple[str, tuple[str, ...], Callable[[Table], Table]]] = [
    ("c alone nearly predicts label: AUROC", (), lambda t: {**t, "c": noisy(t)}),
    ("c alone nearly predicts label", NUMBERS, lambda t: {**t, "c": [f"m{k}" for k in t["label"]]}),
    ("c: its missing cells predict label: AUROC", (), lambda t: {**t, "c": absent(t)}),
    ("c: looks like an identifier or a time", (), lambda t: {**t, "c": np.cumsum(t["b"] + 0.1)}),
    ("c: looks like an identifier or a time", (),
     lambda t: {**t, "c": np.random.default_rng(0).permutation(ROWS)}),
    ("rows nearly equal to one in an earlier split: 1 row 7 (", (), twice),
]  # fmt: skip


@pytest.mark.parametrize(("text", "flags", "planted"), PLANTED)
def test_what_is_planted_is_the_one_warning(
    examine: Examine, text: str, flags: tuple[str, ...], planted: Callable[[Table], Table]
) -> None:
    [found] = examine(planted(sound()), *flags).lines("warn")
    assert found.startswith(f"warn {text}")


def test_rows_that_are_alike_by_chance_are_no_warning(examine: Examine) -> None:
    table = {**sound(), "a": np.arange(ROWS) % 3}
    flags = ("--data.numbers=[a]", "--data.categories=[kind]")
    assert examine({k: table[k] for k in ("a", "kind", "label")}, *flags).lines("warn") == []


def test_rare_and_missing_classes(check: Check, tmp_path: Path) -> None:
    colors = {**toy.COLORS, "rare": (90, 200, 90)}
    toy.write_photos(tmp_path, colors)
    for k in range(1, 3):
        (tmp_path / "test" / "rare" / f"{k}.png").unlink()
    checked = check("smoke", *toy.PHOTOS, f"--data.root={tmp_path}")
    [note] = checked.lines("note")
    few = "class: classes with fewer than 10 samples in train: 4 0, 6 1, 6 2, 6 and 1 more"
    assert note == f"note {few}"


def test_a_target_that_is_the_same_everywhere(check: Check, tmp_path: Path) -> None:
    path = toy.write_listed(tmp_path) / "toy.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(f"{row.rpartition(',')[0]},7.5" for row in rows), ""]))
    checked = check("smoke", *toy.LISTED, f"--data.root={tmp_path}", "--data.numbers=[]")
    assert "warn target: the same everywhere, 7.5" in checked.lines("warn"), checked.out


def test_auroc_beside_torchmetrics() -> None:
    rng = np.random.default_rng(0)
    bins, truth = rng.integers(0, 9, 5000), rng.random(5000) < 0.3
    truth[bins == 4] |= rng.random((bins == 4).sum()) < 0.5
    means = pd.Series(truth).groupby(bins).transform("mean").to_numpy()
    expected = float(binary_auroc(torch.tensor(means), torch.tensor(truth).long()))
    one = pd.DataFrame({"yes": truth.astype(float)})
    assert auroc(pd.Series(bins), one) == pytest.approx(expected, abs=0.02)
    assert auroc(pd.Series(rng.permutation(bins)), one) == pytest.approx(0.5, abs=0.03)


def write(path: Path, seed: int) -> Path:
    """A picture with shades and detail of its own."""
    rng = np.random.default_rng(seed)
    shades = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize((120, 90))
    detail = Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.blend(shades, detail.filter(ImageFilter.GaussianBlur(1.5)), 0.3).save(path)
    return path


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda image: image,
    "smaller": lambda image: image.resize((image.width * 2 // 3, image.height * 2 // 3)),
    "brighter": lambda image: image.point(lambda value: min(255, int(1.1 * value) + 5)),
}


@pytest.mark.parametrize(
    ("change", "name"), [*((name, "double.png") for name in CHANGES), ("none", "double.jpg")]
)
def test_a_photo_of_two_splits_is_the_one_warning(
    check: Check, tmp_path: Path, change: str, name: str
) -> None:
    root = tmp_path / "data"
    for number, folder in enumerate(("train/a", "train/b", "test/a", "test/b")):
        for k in range(10):
            write(root / folder / f"{k}.png", 10 * number + k)
    image = Image.open(root / "train" / "a" / "3.png")
    CHANGES[change](image).save(root / "test" / "a" / name, quality=75)
    flags = ("--data.image_size=64", "--data.drop_duplicates=false")
    checked = check("smoke", *toy.PHOTOS, f"--data.root={root}", *flags)
    [found] = checked.lines("warn")
    assert "the same photo, or nearly, in test and " in found
    assert ": 1 test/a/double." in found
    assert found.endswith(" = train/a/3.png")


def series(faults: Callable[[list[str]], Sequence[str]]) -> str:
    times = np.datetime64("2024-01-01T00") + np.arange(80) * np.timedelta64(1, "h")
    lines = [f"{time},{k % 24}.5" for k, time in enumerate(times)]
    return "\n".join(["timestamp,value", *faults(lines), ""])


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("gaps in steps of 1:00:00: 1 row 62, 2024-01-03 15",
         lambda rows: rows[:60] + rows[63:]),
        ("times equal to the one above: 1 row 42, 2024", lambda rows: rows[:40] + rows[39:]),
        ("times before the one above: 1 row 43, 2024",
         lambda rows: [*rows[:40], rows[41], rows[40], *rows[42:]]),
        ("times off the step of 1:00:00: 1 row 12, 2024",
         lambda rows: [*rows[:10], rows[10].replace(":00,", ":15,").replace("T10,", "T10:15,"),
                       *rows[11:]]),
        ("missing values: 1 row 12, 2024", lambda rows: [*rows[:10], rows[10][:14], *rows[11:]]),
    ],
)  # fmt: skip
def test_a_fault_of_a_series(check: Check, tmp_path: Path, text: str, faults: Any) -> None:
    (tmp_path / "toy.csv").write_text(series(faults))
    flags = (*toy.SERIES, f"--data.root={tmp_path}", "--data.value=value")
    checked = check("smoke", *flags)
    assert checked.status == 2
    assert any(line.startswith(f"warn toy.csv: {text}") for line in checked.lines("warn"))
    assert "found        1 stop, " in checked.out


def test_a_gap_that_is_mended_is_a_warning(check: Check, tmp_path: Path) -> None:
    (tmp_path / "toy.csv").write_text(series(lambda rows: rows[:60] + rows[63:]))
    flags = (f"--data.root={tmp_path}", "--data.value=value", "--data.problems=drop")
    checked = check("smoke", *toy.SERIES, *flags)
    assert checked.status == 0
    assert len(checked.lines("warn")) == 1


def test_a_test_that_begins_before_training_ends(check: Check, tmp_path: Path) -> None:
    text = series(lambda rows: rows)
    (tmp_path / "toy.csv").write_text(text)
    (tmp_path / "later.csv").write_text(text.replace("2024-01-0", "2024-01-1"))
    flags = (*toy.SERIES, f"--data.root={tmp_path}", "--data.value=value")
    assert check("smoke", *flags, "--data.test=later.csv").lines("warn") == []
    (tmp_path / "early.csv").write_text(text)
    [found] = check("smoke", *flags, "--data.test=early.csv").lines("warn")
    begins = "early.csv begins at 2024-01-01 00:00:00, before toy.csv ends at 2024-01-04 07:00:00"
    assert found == f"warn {begins}; should it not begin later?"


def test_what_is_resampled_is_looked_at_as_it_is_learned_from(check: Check, tmp_path: Path) -> None:
    rows = np.datetime64("2024-01-01T00:00:00") + np.arange(4000) ** 2 % 977 + np.arange(4000) * 90
    text = "".join(f"{time},{k % 7}.5\n" for k, time in enumerate(np.sort(rows)))
    (tmp_path / "toy.csv").write_text(f"timestamp,value\n{text}")
    flags = (f"--data.root={tmp_path}", "--data.value=value", "--data.resample=1h")
    checked = check("smoke", *toy.SERIES, *flags)
    assert checked.status == 0
    assert checked.lines("warn") == []


def test_the_faults_of_every_series_of_a_file(check: Check, tmp_path: Path) -> None:
    whole = series(lambda rows: rows).splitlines()[1:]
    gap = [*whole[:60], *whole[63:]]
    lines = [f"{line},{name}" for name in "abcdefgh" for line in (whole if name == "a" else gap)]
    (tmp_path / "toy.csv").write_text("\n".join(["timestamp,value,id", *lines, ""]))
    flags = (f"--data.root={tmp_path}", "--data.value=value", "--data.series=id")
    found = check("smoke", *toy.SERIES, *flags, "--data.problems=interpolate").lines("warn")
    gaps = "gaps in steps of 1:00:00: 7 row 142, 2024-01-03 15:00:00, series 'b' row"
    [line] = found
    assert line.startswith(f"warn toy.csv: {gaps}")
    assert line.endswith("series 'd' and 4 more")
