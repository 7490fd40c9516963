"""Faults that are planted in a series are found, counted and named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kindling.data.sources import Recording, SeriesSource
from kindling.tools.check.report import Report
from kindling.tools.check.series import check_series

HOUR = 3_600_000_000
Steps = tuple[np.ndarray, np.ndarray]


def recorded(name: str, ticks: np.ndarray, values: np.ndarray) -> SeriesSource:
    recording = Recording(np.arange(len(ticks)) + 2, ticks, values.astype(np.float32))
    return SeriesSource(Path(name), "load", lambda most: recording)


def steps(rows: int = 400, start: int = 0) -> Steps:
    noise = np.random.default_rng(start).normal(0, 0.3, rows)
    return (start + np.arange(rows)) * HOUR, np.sin(np.arange(rows) / 4) + noise


def put(array: np.ndarray, index: object, values: object) -> np.ndarray:
    array[index] = values
    return array


FAULTS: dict[str, Callable[..., Steps]] = {
    "stop a.csv: gaps in steps of 01:00:00: 2, the longest 03:00:00 (row 102, ": (
        lambda t, v: (np.delete(t, [100, 101, 250]), np.delete(v, [100, 101, 250]))
    ),
    "stop a.csv: times that repeat the one above: 1 (row 52, 1970-01-03 01:00": (
        lambda t, v: (np.insert(t, 50, t[49]), np.insert(v, 50, 0))
    ),
    "stop a.csv: times before the one above: 1 (row 73, ": (
        lambda t, v: (put(t, [70, 71], t[[71, 70]]), v)
    ),
    "stop a.csv: times off the step of 01:00:00: 2 (row 32, ": (
        lambda t, v: (put(t, 30, t[30] + HOUR // 4), v)
    ),
    "stop a.csv: missing values: 2 (row 7, 1970-01-01 05:00, row 11, ": (
        lambda t, v: (t, put(v, [5, 9], np.nan))
    ),
    "warn a.csv: values that stay the same for a week: 200 (row 102, ": (
        lambda t, v: (t, put(v, slice(100, 300), 0.25))
    ),
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_planted_fault(report: Report, text: str) -> None:
    check_series([recorded("a.csv", *FAULTS[text](*steps()))], True, report)
    found = [f"{level} {k}" for level in ("stop", "warn", "note") for k in report.found[level]]
    assert any(line.startswith(text) for line in found)
    assert len({line[:4] for line in found}) == 1


def test_what_training_does_not_refuse_is_a_warning(report: Report) -> None:
    check_series([recorded("a.csv", *next(iter(FAULTS.values()))(*steps()))], False, report)
    assert [len(found) for found in report.found.values()] == [0, 1, 0]


@pytest.mark.parametrize("start", [400, 399])
def test_a_test_that_begins_before_training_ends(report: Report, start: int) -> None:
    files = [recorded("a.csv", *steps()), recorded("b.csv", *steps(200, start))]
    check_series(files, False, report)
    begins = "b.csv begins at 1970-01-17 15:00, before a.csv ends at 1970-01-17 15:00"
    expected = [] if start == 400 else [f"{begins}: is it of later times?"]
    assert [text for found in report.found.values() for text in found] == expected
