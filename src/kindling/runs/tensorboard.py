"""TensorBoard, with training and validation on the same chart and settings beside scores."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import Logger
from lightning_utilities.core.rank_zero import rank_zero_only
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams, scalar

from kindling.data.datamodule import STAGES
from kindling.data.whole import named, replaced

OF_STAGE = re.compile(rf"(?P<stage>{'|'.join(STAGES)})[/_](?P<tag>.+)")
"""``train/loss``, or ``train_loss`` as many modules call it."""

EVENTS = "events.out.tfevents.*"

FINAL = "final"
"""The writer of the HPARAMS tab: a run's settings and its final scores."""

PLAIN = (int, float, str)
"""Types that the HPARAMS tab can show."""

FLUSH = 5
"""Seconds between two writes of the curves to the file."""


class RunLogger(Logger):
    """A logger of one run folder, without a name and version of its own."""

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: they are in ``config.yaml``, and TensorBoard gets them by ``log_settings``."""


class Lazy:
    """A ``SummaryWriter`` that begins its file when it is first used.

    The Trainer asks every logger for its experiment at every start, even if nothing is written.
    """

    def __init__(self, make: Callable[[], SummaryWriter]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


class TensorBoard(RunLogger):
    """One writer a stage, in a subfolder: ``train/loss`` and ``val/loss`` share a chart.

    A run that is resumed continues after ``step``.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        super().__init__()
        self._folder, self._step = folder, step
        self._writers: dict[str, SummaryWriter] = {}

    @property
    def save_dir(self) -> str:
        return str(self._folder)

    @property
    @rank_zero_experiment
    def experiment(self) -> Lazy:
        """The writer of the run itself, for a module's own ``self.logger.experiment.add_image``."""
        return Lazy(self.writer)

    def writer(self, stage: str = "") -> SummaryWriter:
        """The writer of a stage, or of the run itself; made at its first use."""
        if stage not in self._writers:
            with named(self._folder / stage):
                self._writers[stage] = SummaryWriter(self._folder / stage, flush_secs=FLUSH)
        return self._writers[stage]

    @rank_zero_only
    def forget_later_steps(self, again: Iterable[str] = ()) -> None:
        """Remove a killed run's events of steps that will be trained again.

        TensorBoard has a mark for this, but shows such curves twice all the same. Scores ``again``
        will be logged again at the last step of the checkpoint.
        """
        repeated = set(map(_curve, again))
        # Other folders may be the user's own loggers'.
        for stage in ("", *STAGES, FINAL):
            for path in (self._folder / stage).glob(EVENTS):
                events = list(RawEventFileLoader(str(path)).Load())
                kept = [e for e in events if self._stays(Event.FromString(e), stage, repeated)]
                if len(kept) < len(events):
                    with replaced(path) as unfinished, unfinished.open("wb") as stream:
                        for event in kept:
                            RecordWriter(stream).write(event)

    def _stays(self, event: Event, stage: str, repeated: set[tuple[str, str]]) -> bool:
        curves = {(stage, value.tag) for value in event.summary.value}
        return bool(event.step < self._step - bool(curves & repeated))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        by_stage: dict[str, dict[str, float]] = defaultdict(dict)
        for name, value in metrics.items():
            if name != "epoch":
                stage, tag = _curve(name)
                by_stage[stage][tag] = value
        for stage, scalars in by_stage.items():
            self._write(stage, scalars, step or 0)

    @rank_zero_only
    def log_settings(self, settings: Mapping[str, Any]) -> None:
        """Fill the HPARAMS tab's columns; ``log_final`` adds the scores."""
        flat = {k: v if type(v) in PLAIN else str(v).lower() for k, v in settings.items()}
        # Without the experiment's own summary, TensorBoard shows the settings of all runs, where
        # with one it would show the columns of whichever run it finds first.
        _, start, _ = hparams(flat, {})  # type: ignore[no-untyped-call]
        self._add(FINAL, start)

    @rank_zero_only
    def log_final(self, stage: str, scores: Mapping[str, float], step: int) -> None:
        """The run's final scores: of its best epoch, and of the test split."""
        self._write(FINAL, {f"{stage}/{name}": value for name, value in scores.items()}, step)

    @rank_zero_only
    def log_figure(self, stage: str, tag: str, figure: Figure, step: int) -> None:
        FigureCanvasAgg(figure)
        with named(self._folder / stage):
            self.writer(stage).add_figure(f"figures/{tag}", figure, step, close=False)

    @rank_zero_only
    def save(self) -> None:
        for stage, writer in self._writers.items():
            with named(self._folder / stage):
                writer.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        writers, self._writers = self._writers, {}
        for stage, writer in writers.items():
            # A failed run has reported its error.
            with named(self._folder / stage) if status == "success" else suppress(OSError):
                writer.flush()
                writer.close()

    def _write(self, stage: str, scalars: Mapping[str, float], step: int) -> None:
        # One event for all: each one wakes the writer's thread, which interrupts training.
        parts = [scalar(tag, value, new_style=True) for tag, value in scalars.items()]  # type: ignore[no-untyped-call]
        self._add(stage, Summary(value=[value for part in parts for value in part.value]), step)

    def _add(self, stage: str, summary: Any, step: int = 0) -> None:
        writer: Any = self.writer(stage).file_writer
        with named(self._folder / stage):
            writer.add_summary(summary, step)


@contextmanager
def writer_errors() -> Iterator[None]:
    """No traceback of a writer's thread: the next write raises its error."""

    def hook(args: threading.ExceptHookArgs) -> None:
        module = type(args.thread).__module__
        if not (issubclass(args.exc_type, OSError) and module == EventFileWriter.__module__):
            before(args)

    before, threading.excepthook = threading.excepthook, hook
    try:
        yield
    finally:
        threading.excepthook = before


def _curve(name: str) -> tuple[str, str]:
    """The writer and the tag for a logged name."""
    if named := OF_STAGE.fullmatch(name):
        return named["stage"], f"curves/{named['tag']}"
    return "", name if "/" in name else f"curves/{name}"
