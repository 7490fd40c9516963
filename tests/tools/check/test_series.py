"""Faults that are planted in a series are found, counted and named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kindling.data.sources import Recording, SeriesSource
from kindling.tools.check.finding import Section
from kindling.tools.check.series import check_series
from tests.tools.check.conftest import texts

HOUR = 3_600_000_000
Steps = tuple[np.ndarray, np.ndarray]


def recorded(name: str, ticks: np.ndarray, values: np.ndarray) -> SeriesSource:
    recording = Recording(np.arange(len(ticks)) + 2, ticks, values.astype(np.float32))
    return SeriesSource(Path(name), "load", lambda most: recording)


def steps(rows: int = 400, start: int = 0) -> Steps:
    rng = np.random.default_rng(start)
    ticks = (start + np.arange(rows)) * HOUR
    return ticks, np.sin(np.arange(rows) / 4) + rng.normal(0, 0.3, rows)


def gap(ticks: np.ndarray, values: np.ndarray) -> Steps:
    return np.delete(ticks, [100, 101, 250]), np.delete(values, [100, 101, 250])


def repeat(ticks: np.ndarray, values: np.ndarray) -> Steps:
    return np.insert(ticks, 50, ticks[49]), np.insert(values, 50, 0)


def back(ticks: np.ndarray, values: np.ndarray) -> Steps:
    ticks[[70, 71]] = ticks[[71, 70]]
    return ticks, values


def odd(ticks: np.ndarray, values: np.ndarray) -> Steps:
    ticks[30] += HOUR // 4
    return ticks, values


def hole(ticks: np.ndarray, values: np.ndarray) -> Steps:
    values[[5, 9]] = np.nan
    return ticks, values


def still(ticks: np.ndarray, values: np.ndarray) -> Steps:
    values[100:300] = 0.25
    return ticks, values


@pytest.mark.parametrize(
    ("plant", "level", "said"),
    [
        (gap, "stop", "a.csv: gaps in steps of 01:00:00: 2, the longest 03:00:00 (row 102, "),
        (repeat, "stop", "a.csv: times that repeat the one above: 1 (row 52, 1970-01-03 01:00"),
        (back, "stop", "a.csv: times before the one above: 1 (row 73, "),
        (odd, "stop", "a.csv: times off the step of 01:00:00: 2 (row 32, "),
        (hole, "stop", "a.csv: missing values: 2 (row 7, row 11)"),
        (
            still,
            "warn",
            "a.csv: the longest run of one value is 8 days 08:00:00, 200 rows of 0.25 ",
        ),
    ],
)
def test_a_planted_fault(
    section: Section, plant: Callable[..., Steps], level: str, said: str
) -> None:
    check_series([recorded("a.csv", *plant(*steps()))], True, section)
    found = texts(section, level)
    assert [text for text in found if text.startswith(said)], found
    others = {"stop", "warn"} - {level}
    assert [text for other in others for text in texts(section, other)] == []


def test_nothing_is_wrong_with_a_sound_series(section: Section) -> None:
    files = [recorded("a.csv", *steps()), recorded("b.csv", *steps(200, start=400))]
    check_series(files, False, section)
    assert section.findings == []
    assert len(section.tables) == 1


def test_what_training_mends_is_no_refusal(section: Section) -> None:
    check_series([recorded("a.csv", *gap(*steps()))], False, section)
    assert len(texts(section, "warn")) == 1
    assert texts(section, "stop") == []


def test_a_test_that_begins_before_training_ends(section: Section) -> None:
    files = [recorded("a.csv", *steps()), recorded("b.csv", *steps(200, start=399))]
    check_series(files, False, section)
    [found] = texts(section, "warn")
    assert found.startswith("b.csv begins at 1970-01-17 15:00, before a.csv ends at 1970-01-17 15")
