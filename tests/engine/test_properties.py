"""What must hold for any input: no split sees another, no file ends in anything but a line."""

import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from kindling.data.loader import Batches
from kindling.data.split import grouped_split, linked_rows, stratified_split
from kindling.errors import UserError
from kindling.images.read import read_image
from kindling.series.splits import Segment, blocks, context
from kindling.series.windows import Windows
from kindling.tables.read import labels, numeric, read_table
from tests.engine.series.reading import read_series

# The same examples at every run: a test that fails must fail again.
settings.register_profile(
    "kindling",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("kindling")

Rows = NDArray[np.int64]
T = TypeVar("T")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "input"


# Windows.


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """Parts of a series of 400 steps, in order and apart."""
    edges = sorted(draw(st.sets(st.integers(0, 400), min_size=2, max_size=8)))
    pairs = list(itertools.pairwise(edges))
    return [Segment(*pair) for pair in pairs[:: draw(st.integers(1, 2))]]


@given(
    segments(),
    st.integers(1, 20),
    st.lists(st.integers(1, 60), max_size=3),
    st.sampled_from([1, 2, 5, 9]),
    st.integers(1, 3),
    st.booleans(),
)
def test_a_window_sees_only_its_segment_and_only_the_past(
    parts: list[Segment], length: int, lags: list[int], horizon: int, stride: int, ahead: bool
) -> None:
    """The value of each step is its position, so that what a sample sees says where it looked."""
    series, seasons = torch.arange(400.0, dtype=torch.float64), (1, 7, 0)
    windows = Windows(
        series, parts, length, lags, seasons, ahead=ahead, horizon=horizon, stride=stride
    )
    batch, unknown = windows[torch.arange(len(windows))], 0 if ahead else horizon
    firsts = windows.locate(batch.indices)[0].tolist()
    assert len(set(firsts)) == len(firsts) or ahead
    rooms = [s.stop - s.start - context(length, lags) - unknown + 1 for s in parts]
    assert len(firsts) == sum(-(-max(0, room) // stride) for room in rooms)
    targets = batch.target.numpy().reshape(-1, horizon)
    naive = batch.naive.numpy().reshape(-1, len(seasons), horizon)
    for first, window, target, back in zip(firsts, batch.window, targets, naive, strict=True):
        [home] = [s for s in parts if s.start <= first < s.stop + (ahead and first == s.stop)][:1]
        assert (home.stop - unknown - first) % stride == 0
        steps = np.arange(first, first + horizon)
        np.testing.assert_array_equal(target, np.where(steps < home.stop, steps, np.nan))
        assert home.start <= window.min() <= window.max() < first
        for season, known in zip(seasons, back, strict=True):
            # The season that is known already.
            then = steps - season * ((steps - first) // max(season, 1) + 1)
            there = (then >= home.start) & (season > 0)
            np.testing.assert_array_equal(known, np.where(there, then, np.nan))


@given(st.integers(1, 2000), st.floats(0.01, 0.9), st.integers(1, 8))
def test_validation_blocks_and_the_rest_are_the_series(
    steps: int, fraction: float, count: int
) -> None:
    kept, held = blocks(steps, fraction, count)
    covered = sorted(step for part in (*kept, *held) for step in range(*part))
    assert covered == list(range(steps))


# Splits.

fractions = st.lists(st.integers(1, 20), min_size=2, max_size=4).map(
    lambda parts: [part / sum(parts) for part in parts]
)


def assert_partition(parts: Sequence[Rows], rows: int) -> None:
    assert sorted(itertools.chain.from_iterable(parts)) == list(range(rows))
    assert all(len(part) for part in parts)
    assert all((np.diff(part) > 0).all() for part in parts)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), fractions, st.integers(0, 9))
def test_a_stratified_split_gives_every_part_its_share_of_every_class(
    classes: list[int], shares: list[float], seed: int
) -> None:
    label = np.array(classes)
    sizes = np.bincount(label)
    if sizes[sizes > 0].min() < len(shares):
        with pytest.raises(UserError, match="too few"):
            stratified_split(label, shares, seed)
        return
    parts = stratified_split(label, shares, seed)
    assert_partition(parts, len(label))
    for part, share in zip(parts, shares, strict=True):
        for kind in np.unique(label):
            count, exact = (label[part] == kind).sum(), share * sizes[kind]
            assert count >= 1
            assert abs(count - exact) < 1 + len(shares) * (exact < 1 or sizes[kind] < 60)


@given(
    st.integers(3, 60),
    st.lists(st.lists(st.integers(0, 59), min_size=1, max_size=4), max_size=20),
    fractions,
    st.integers(0, 9),
)
def test_rows_that_share_something_stay_together(
    rows: int, sets: list[list[int]], shares: list[float], seed: int
) -> None:
    linked = [[row % rows for row in together] for together in sets]
    groups, near = linked_rows(rows, linked), np.eye(rows, dtype=bool)
    for together in linked:
        near[np.ix_(together, together)] = True
    for _ in range(rows):
        near = near @ near
    np.testing.assert_array_equal(groups[:, None] == groups, near)
    if len(set(groups)) < len(shares):
        with pytest.raises(UserError, match="too few"):
            grouped_split(groups, shares, seed)
        return
    parts = grouped_split(groups, shares, seed)
    assert_partition(parts, rows)
    groups_of = [set(groups[part]) for part in parts]
    assert sum(map(len, groups_of)) == len(set(groups))


@given(
    st.integers(0, 200),
    st.integers(1, 40),
    st.none() | st.integers(0, 9),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_every_sample_is_in_one_batch_of_one_process(
    size: int, batch_size: int, seed: int | None, processes: int, epoch: int
) -> None:
    dealt = []
    for rank in range(processes):
        batches = Batches(size, batch_size, seed, rank, processes)
        batches.set_epoch(epoch)
        dealt.append(list(batches))
        assert len(dealt[-1]) == len(batches) == len(dealt[0])
    every = [batch.tolist() for batches in dealt for batch in batches]
    assert sorted(itertools.chain.from_iterable(every)) == list(range(size))
    least = 1 if seed is None or batch_size == 1 else 2  # no process trains on one sample
    assert size < least * processes or min(map(len, every)) >= least


# Files.


def attempt(file: Path, read: Callable[[], T]) -> T | None:
    """What is read, or nothing where a person is told in one line what is wrong with the file."""
    try:
        return read()
    except UserError as error:
        message = str(error)
    assert message.startswith(str(file))
    assert "\n" not in message
    assert "\r" not in message
    return None


KINDS = [
    *itertools.product(["PNG", "TIFF"], ["1", "L", "P", "RGB", "LA", "RGBA"]),
    *itertools.product(["GIF"], ["1", "L", "P", "RGB", "RGBA"]),
    *itertools.product(["JPEG"], ["L", "RGB", "CMYK"]),
    *itertools.product(["BMP", "WEBP", "PPM", "TGA", "ICO"], ["RGB"]),
    *itertools.product(["TIFF"], ["F", "I"]),
]


@st.composite
def images(draw: st.DrawFn) -> bytes:
    """Images of many kinds and sizes, with some bytes altered, left out or put in."""
    kind, mode = draw(st.sampled_from(KINDS))
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    stream = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert(mode).save(stream, kind)
    content = bytearray(stream.getvalue())
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 40))
        content[place : place + length] = draw(st.binary(max_size=8))
    return bytes(content)


@settings(max_examples=200)
@given(st.binary(max_size=200) | images(), st.integers(1, 24), st.integers(1, 24))
def test_any_bytes_are_an_image_or_a_line(
    file: Path, content: bytes, height: int, width: int
) -> None:
    file.write_bytes(content)
    image = attempt(file, lambda: read_image(file, (height, width)))
    if image is not None:
        assert image.shape == (3, height, width)
        assert image.dtype == torch.uint8


cells = st.sampled_from(
    ["1", "2.5", "3,5", "", "nan", "inf", "1e400", "x", '"', '"a\nb"', "é", "\0"]
)
separators = st.sampled_from([",", ";", "\t", ", "])
names = st.sampled_from(["a", "b", "c", "d e", '"f,g"', "h", "", '"'])


@st.composite
def text_tables(draw: st.DrawFn) -> str:
    """Something like a table: rows of about as many cells, ended in any way."""
    width, separator = draw(st.integers(1, 4)), draw(separators)
    header = draw(st.lists(names, min_size=width, max_size=width, unique=draw(st.booleans())))
    row = st.lists(cells, min_size=width, max_size=width) | st.lists(cells, max_size=5)
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return end.join(separator.join(cells) for cells in [header, *draw(st.lists(row, max_size=6))])


@settings(max_examples=300)
@given(st.text() | text_tables() | st.binary())
def test_any_text_is_a_table_or_a_line(file: Path, content: str | bytes) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = attempt(file, lambda: read_table(file))
    if table is None:
        return
    columns = [str(name) for name in table.columns]
    assert len(set(columns)) == len(columns) > 0
    assert len(table) > 0
    values = attempt(file, lambda: numeric(table, columns, file))
    if values is not None:
        assert (np.isnan(values) == table.isna().to_numpy()).all()
        assert not np.isinf(values).any()
    target = attempt(file, lambda: labels(table, columns[0], file))
    assert target is None or set(target) == {0, 1}


times = st.sampled_from(
    ["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "0", "60", "120", "9e99", "x", ""]
)
hours = st.integers(0, 6).map(lambda count: [f"2024-01-01 0{hour}:00" for hour in range(count)])


@settings(max_examples=200)
@given(
    st.lists(times, max_size=6) | hours,
    st.lists(cells | st.sampled_from(["1", "2.5"]), min_size=6, max_size=6),
    separators,
    st.sampled_from(["error", "interpolate", "drop"]),
    st.booleans(),
)
def test_any_two_columns_are_a_series_or_a_line(
    file: Path, time: list[str], value: list[str], separator: str, problems: str, ended: bool
) -> None:
    rows = [("timestamp", "consumption"), *zip(time, value, strict=False)]
    file.write_text("\n".join(separator.join(row) for row in rows) + "\n" * ended)
    series = attempt(file, lambda: read_series(file, "timestamp", "consumption", problems))  # type: ignore[arg-type]
    if series is not None:
        assert len(series) > 0
        assert np.isfinite(series.values).all()
        assert series.calendar.step > 0
