"""A sample looks back inside its segment; what must hold for any windows is in test_properties."""

import numpy as np
import torch

from kindling.series.calendar import Calendar
from kindling.series.series import Series
from kindling.series.splits import Segment
from kindling.series.windows import Windows

SERIES = torch.arange(1000.0)
WHOLE = [Segment(0, 1000)]
HOUR = Calendar("time", 3_600_000_000)


def test_a_sample_is_the_last_values_and_the_one_to_come() -> None:
    windows = Windows(SERIES, WHOLE, 5, [8], ahead=True)
    window, calendar, target, naive, index, _ = windows[3]
    assert window[:, 0].tolist() == [10, 11, 12, 13, 14]
    # Each step stands beside the value eight steps before its successor.
    assert window[:, 1].tolist() == [3, 4, 5, 6, 7]
    assert (target.item(), naive.tolist(), index.item()) == (15, [14], 3)
    assert calendar.shape == (5, 0)
    last = windows[len(windows) - 1]
    assert last.window[-1].tolist() == [999, 992]
    assert last.target.isnan()


def test_a_batch_is_its_samples() -> None:
    windows = Windows(SERIES, [Segment(0, 300), Segment(500, 900)], 5, [1, 20], [1, 7])
    index = torch.tensor([0, 279, 280, 600])
    for field, *singles in zip(windows[index], *(windows[int(i)] for i in index), strict=True):
        torch.testing.assert_close(field, torch.stack(singles), equal_nan=True)


def test_the_calendar_is_of_the_step_to_come() -> None:
    # An hourly series that starts on a Monday at midnight: in six hours it is six o'clock.
    monday = 4 * 24  # hours from 1970 on
    phases = Series(SERIES.numpy(), HOUR, monday, np.empty(0, np.int64)).phases
    windows = Windows(SERIES, WHOLE, 6, phases=phases)
    torch.testing.assert_close(windows[0].calendar[-1, :2], torch.tensor([1.0, 0.0]))
    assert (windows[7 * 24].calendar - windows[0].calendar).abs().max() < 1e-5


def test_windows_are_views() -> None:
    windows = Windows(SERIES, WHOLE, 500)
    assert windows.views.untyped_storage().data_ptr() == SERIES.untyped_storage().data_ptr()
    assert windows.first.numel() + windows.ends.numel() == 2, "nothing is stored for each window"


def test_what_was_filled_is_no_target_and_leans_on_nothing_to_come() -> None:
    """A sample is what it were if the file ended before its target."""
    rng = np.random.default_rng(0)
    step = np.arange(200)
    measured = np.flatnonzero((rng.random(200) < 0.6) | (step == 0) | (step == 199))
    values = rng.normal(size=len(measured))
    filled = torch.from_numpy(np.setdiff1d(step, measured))
    series = torch.from_numpy(np.interp(step, measured, values))
    parts = [Segment(0, 90), Segment(90, 200)]
    windows = Windows(series, parts, 6, [9], [1, 4], ahead=True, filled=filled)
    batch = windows[torch.arange(len(windows))]
    targets = windows.locate(batch.indices)[0].numpy()
    possible = [k for part in parts for k in range(part.start + 14, part.stop)]
    assert targets.tolist() == [*np.intersect1d(possible, measured), 200]
    for k, target in enumerate(targets):
        before = measured < target
        then = np.interp(np.arange(target), measured[before], values[before])
        np.testing.assert_array_equal(batch.window[k, :, 0], then[-6:])
        np.testing.assert_array_equal(batch.window[k, :, 1], then[-14:-8])
        assert batch.naive[k].tolist() == [then[-1], then[-4]]
    follows = windows.follows_measured(batch.indices)
    assert follows.tolist() == np.isin(targets - 1, measured).tolist()
    mean, deviation = windows.statistics
    np.testing.assert_allclose((mean, deviation), (values.mean(), values.std()))


def test_windows_that_overlap_forecast_each_step_from_what_was_known() -> None:
    series = torch.arange(40.0, dtype=torch.float64)
    inside, overlapping = (
        Windows(series, [Segment(0, 20), Segment(30, 40)], 5, [7], [1, 7], overlap=overlap)
        for overlap in (False, True)
    )
    assert (len(inside), len(overlapping)) == (9, 19)
    batch = overlapping[torch.arange(19)]
    assert batch.target.tolist() == [*range(11, 20), *range(30, 40)]
    assert batch.window[9, :, 0].tolist() == [25, 26, 27, 28, 29]
    assert batch.window[9, :, 1].tolist() == [19, 20, 21, 22, 23]
    assert batch.naive[9].tolist() == [29, 23]
    torch.testing.assert_close(batch.window[:9], inside[torch.arange(9)].window)
