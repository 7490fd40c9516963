"""Training, validation and test in time, for each series, and whether they are long enough.

T: steps in a window, H: steps to forecast.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kindling.data.datamodule import STAGES, SplitName
from kindling.data.split import SplitConfig, rolling_origin
from kindling.errors import UserError
from kindling.series.panel import Panel

_log = logging.getLogger(__name__)


class Segment(NamedTuple):
    """Steps ``start`` to ``stop`` (exclusive) of a series, which belong to one split."""

    start: int
    stop: int


Splits = dict[SplitName, list[Segment]]


@dataclass(frozen=True)
class TimeSplit:
    """How each series is cut in time, for windows of a length.

    Args:
        cut: Shares of validation and test, or a fold of a rolling origin.
        blocks: Blocks over which validation is spread, at most.
        overlap: Windows of validation and test may begin in the steps before.
        window: Steps in a window, T.
        lags: In steps before the step to come.
        horizon: Steps to forecast, H.
    """

    cut: SplitConfig
    blocks: int
    overlap: bool
    window: int
    lags: Sequence[int]
    horizon: int

    def __call__(self, whole: Panel, tested: Panel) -> tuple[Splits, list[list[Segment]]]:
        """Each split's segments in time of all series, and of each series those that train."""
        parts: Splits = {split: [] for split in STAGES}
        training = []
        for start, stop in zip(whole.starts.tolist(), whole.stops.tolist(), strict=True):
            steps, segment = self._hold_out(stop - start)
            # As many validation blocks as leave each twice as long as what a window takes.
            takes = self.context + self.horizon - 1
            fitting = int(steps * self.cut.val_fraction) // (2 * takes)
            count = max(1, min(self.blocks, fitting))
            kept, validation = blocks(steps, self.cut.val_fraction, count)
            cuts = {"train": kept, "val": validation, "test": [segment] if segment else []}
            for split, segments in cuts.items():
                parts[split] += [Segment(start + a, start + b) for a, b in segments]  # type: ignore[index]
            training.append(parts["train"][-len(kept) :])
        if whole is not tested:
            ends = zip(tested.starts.tolist(), tested.stops.tolist(), strict=True)
            parts["test"] = [Segment(*segment) for segment in ends]
        return parts, training

    def _hold_out(self, steps: int) -> tuple[int, Segment | None]:
        """How many steps of a series are left to learn from, and where the test part lies."""
        if not self.cut.test_fraction:  # the test is a file of its own
            return steps, None
        origin, stop = steps - round(steps * self.cut.test_fraction), steps
        if self.cut.folds is not None:
            origin, stop = rolling_origin(steps, self.cut.folds, self.cut.fold)
        return origin, Segment(origin, stop)

    def require_length(self, parts: Splits, whole: Panel, tested: Panel) -> None:
        """Refuse series that are too short, naming a window that is not too long for them."""
        takes = self.context + self.horizon
        sizes = {
            split: [self._room(s, split, tested if split == "test" else whole) for s in segments]
            for split, segments in parts.items()
        }
        split, size = min(((k, max(v)) for k, v in sizes.items()), key=lambda item: item[1])
        if size >= takes:
            short, series = sum(n < takes for n in sizes["test"]), len(sizes["test"])
            if short and series > 1:
                _log.warning("test: %s of %s series are too short", short, series)
            return
        what = "one" if self.horizon == 1 else f"{self.horizon} (--data.horizon)"
        cure = self._shorter(int((whole.stops - whole.starts).max()), max(sizes["test"]))
        raise UserError(
            f"the {split} part has {size} steps, but a window (--data.window) with its lags "
            f"(--data.lags) takes {self.context} and {what} to predict; {cure}"
        )

    def _shorter(self, steps: int, test: int) -> str:
        """Settings that a series of so many steps, and of these for the test, is long enough for.

        They leave one validation block, the longest there can be, and one forecast in it.
        """
        steps = self._hold_out(steps)[0]
        held_out = round(steps * self.cut.val_fraction)
        there = steps - held_out
        there = there if self.overlap else min(held_out, there, test)
        room = there - self.horizon
        longest = room - max([0, *(lag - 1 for lag in self.lags)])
        if longest >= 1:
            return f"set --data.window={(longest + 1) // 2}"
        if room >= 1:
            return f"set --data.window={(room + 1) // 2} --data.lags=[]"
        if there >= 2:
            return f"set --data.horizon={there // 2} --data.window={there // 2} --data.lags=[]"
        return "give more of the series"

    def _room(self, segment: Segment, split: SplitName, panel: Panel) -> int:
        """Steps of a segment, with those before it that its windows may hold."""
        before = 0
        if self.overlap and split != "train" and segment.stop > segment.start:
            series = panel.starts[panel.starts <= segment.start].max()
            before = min(segment.start - int(series), self.context)
        return segment.stop - segment.start + before

    @property
    def context(self) -> int:
        """Steps before a target that a window and its lags reach back to."""
        return context(self.window, self.lags)


def context(length: int, lags: Sequence[int]) -> int:
    """Steps before a target that a window and its lags reach back to."""
    return length + max([0, *(lag - 1 for lag in lags)])


def blocks(steps: int, fraction: float, count: int) -> tuple[list[Segment], list[Segment]]:
    """Cut ``steps`` into what trains and ``count`` evenly spread blocks that validate.

    A single block is the last part; more than one samples the seasons, where the last months alone
    would rank models by a single one. Both are in order, and together the whole.
    """
    size = round(steps * fraction / count)
    starts = [round(steps * (k + 0.5) / count - size / 2) for k in range(count)]
    held_out = [Segment(k, k + size) for k in (starts if count > 1 else [steps - size])]
    edges = [0, *(edge for segment in held_out for edge in segment), steps]
    kept = [Segment(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [segment for segment in kept if segment.stop > segment.start] or kept[:1], held_out
