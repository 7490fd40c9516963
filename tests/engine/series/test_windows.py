import itertools

import pytest
import torch

from kindling.series.windows import SECOND, Segment, Windows, blocks, context

SERIES = torch.arange(1000.0)


def test_a_sample_is_the_last_values_and_the_one_to_come() -> None:
    window, calendar, target, naive, place = Windows(SERIES, [Segment(0, 1000)], 5)[3]
    assert window.squeeze(-1).tolist() == [3, 4, 5, 6, 7]
    assert (target.item(), naive.tolist(), place.item()) == (8, [7], 3)
    assert calendar.shape == (5, 0)


def test_a_batch_is_its_samples() -> None:
    windows = Windows(SERIES, [Segment(0, 300), Segment(500, 900)], 5, [1, 20], [1, 7], (0, 900))
    index = torch.tensor([0, 279, 280, 600])
    for field, *singles in zip(windows[index], *(windows[int(i)] for i in index), strict=True):
        torch.testing.assert_close(field, torch.stack(singles), equal_nan=True)


def test_a_lag_is_of_the_step_to_come() -> None:
    window = Windows(SERIES, [Segment(0, 1000)], 4, lags=[10])[0].window
    # Each step stands beside the value ten steps before its successor.
    assert (window[:, 0] + 1 - window[:, 1]).tolist() == [10] * 4


@pytest.mark.parametrize("lags", [[], [1], [7, 40]])
def test_no_window_leaves_its_stretch(lags: list[int]) -> None:
    stretches = [Segment(0, 120), Segment(200, 230), Segment(230, 400), Segment(990, 1000)]
    windows = Windows(SERIES, stretches, 6, lags)
    batch = windows[torch.arange(len(windows))]
    needed = context(6, lags)
    expected = [t for s in stretches for t in range(s.start + needed, s.stop)]
    assert batch.target.tolist() == expected
    seen = torch.cat([batch.window.flatten(1), batch.target[:, None]], 1)
    for row in seen:
        assert any(s.start <= row.min() and row.max() < s.stop for s in stretches)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_no_step_is_in_the_windows_of_two_splits(count: int) -> None:
    kept, held_out = blocks(1000, 0.2, count)
    steps = [set(range(s.start, s.stop)) for s in [*kept, *held_out]]
    assert set.union(*steps) == set(range(1000))
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(steps, 2))
    assert sum(s.stop - s.start for s in held_out) == pytest.approx(200, abs=count)
    values = []
    for part in (kept, held_out):
        windows = Windows(SERIES, part, 6, [30])
        batch = windows[torch.arange(len(windows))]
        values.append({*batch.window.flatten().tolist(), *batch.target.tolist()})
    assert values[0].isdisjoint(values[1])


def test_a_baseline_does_not_look_into_another_stretch() -> None:
    windows = Windows(SERIES, [Segment(0, 50), Segment(50, 100)], 5, naive=[1, 10, 0])
    naive = windows[torch.tensor([0, 5, 45, 50])].naive
    assert naive[:, 0].tolist() == [4, 9, 54, 59]
    assert naive[:, 1].isnan().tolist() == [True, False, True, False]
    assert naive[:, 2].isnan().all()


def test_the_step_after_the_last_has_a_window_and_no_target() -> None:
    windows = Windows(SERIES, [Segment(0, 1000)], 5, [8], ahead=True)
    last = windows[len(windows) - 1]
    assert last.window[:, 0].tolist() == [995, 996, 997, 998, 999]
    assert last.window[-1, 1].item() == 992
    assert last.target.isnan()


def test_the_calendar_is_of_the_step_to_come() -> None:
    # An hourly series that starts on a Monday at midnight: in six hours it is six o'clock.
    windows = Windows(SERIES, [Segment(0, 1000)], 6, clock=(0, 3600 * SECOND))
    day_sine, day_cosine = windows[0].calendar[-1, :2]
    assert day_sine.item() == pytest.approx(1)
    assert day_cosine.item() == pytest.approx(0, abs=1e-6)
    week = windows[7 * 24].calendar - windows[0].calendar
    assert week.abs().max() < 1e-5


def test_looks_ahead_nowhere() -> None:
    """Changing everything from the target on changes the target alone."""
    changed = SERIES.clone()
    changed[500:] = -1
    settings = ([Segment(0, 1000)], 24, [1, 48], [1, 48], (0, 900))
    before, after = Windows(SERIES, *settings), Windows(changed, *settings)
    place = 500 - before.context
    for name in ("window", "calendar", "naive"):
        assert torch.equal(getattr(before[place], name), getattr(after[place], name))
    assert (before[place].target, after[place].target) == (500, -1)


def test_windows_are_views() -> None:
    windows = Windows(SERIES, [Segment(0, 1000)], 500)
    assert windows.views.untyped_storage().data_ptr() == SERIES.untyped_storage().data_ptr()
    assert windows.first.numel() + windows.ends.numel() == 2, "nothing is stored for each window"
