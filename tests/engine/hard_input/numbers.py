"""Every setting that there is, with values that it cannot be meant to have.

The settings are those of ``--print_config``, so that a new one is tried without being named here.
"""

import contextlib
import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from kindling.__main__ import main
from kindling.cli.settings import flat

VALUES = (".nan", ".inf", "-1", "0", "1000000000", "1" + "0" * 18, "nope", "[1]", "null")
LISTED = ("[.nan]", "[-1]", "[0]", "[1000000000]", "[nope]", "[]")
"""Of a setting that is a list, too."""

PLACES = ("logs", "from_run", "data.root", "data.input", "trainer.default_root_dir")
"""Settings that name a folder: any text is one."""

CLASSES = ("model", "data", "optimizer", "lr_scheduler")

CHOSEN = (
    ("--optimizer=SGD", "--optimizer.lr=0.1"),
    ("--optimizer=AdamW", "--optimizer.lr=0.1"),
    ("--lr_scheduler=OneCycleLR", "--lr_scheduler.max_lr=0.1"),
    ("--lr_scheduler=StepLR", "--lr_scheduler.step_size=1"),
    ("--lr_scheduler=ReduceLROnPlateau", "--lr_scheduler.monitor=val/loss"),
    ("--lr_scheduler=CosineAnnealingLR", "--lr_scheduler.T_max=2"),
)
"""Classes whose arguments are settings where they are named."""

SHORT = (
    "--config=smoke",
    "--trainer.max_epochs=1",
    "--trainer.max_steps=2",  # no epoch is too many
    "--trainer.limit_val_batches=1",
    "--trainer.limit_test_batches=1",
    "--trainer.enable_progress_bar=false",
    "--threads=1",
)

KEEPS_NONE = ("fast_dev_run", "barebones", "enable_checkpointing")
"""Settings with which a run has no checkpoint."""


def tries(task: str, shared: bool) -> list[tuple[str, ...]]:
    """Flags, each time with another value of another setting.

    Args:
        task: A config.
        shared: Of the settings that every task has, in place of the model's and the data's.
    """
    found: list[tuple[str, ...]] = []
    for flags in ((), *CHOSEN) if shared else ((),):
        for name, value in _settings(task, flags).items():
            part = name.partition(".")[0]
            wanted = part in CLASSES[2:] if flags else (part in CLASSES[:2]) != shared
            if wanted and name not in (*PLACES, *CLASSES):
                values = VALUES + (LISTED if isinstance(value, list) else ())
                found += [(*flags, f"--{name}={odd}") for odd in values]
    return found


def _settings(task: str, flags: tuple[str, ...]) -> dict[str, object]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["fit", f"--config={task}", *flags, "--print_config"]) == 0
    return dict(flat(yaml.safe_load(printed.getvalue())))


@dataclass(frozen=True)
class Outcome:
    """What became of a try: refused without a run left behind, or trained with a run that is whole.

    Attributes:
        flags: With which it was made.
        fault: What is wrong with that; empty if nothing is.
        refused: Whether it was not trained.
        seconds: Of the processor.
    """

    flags: tuple[str, ...]
    fault: str
    refused: bool
    seconds: float


def attempt(task: str, flags: tuple[str, ...], logs: Path) -> Outcome:
    """Train and test with these flags."""
    start, error = time.process_time(), io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error):
        try:
            status = main(["train", f"--config={task}", *SHORT, *flags, f"--logs={logs}"])
        except Exception as traceback:  # what the test is for
            return Outcome(flags, f"{type(traceback).__name__}: {traceback}", True, 0)
    said, seconds = error.getvalue(), time.process_time() - start
    left = [path for path in logs.rglob("*") if ".tensorboard" not in str(path)]
    fault = ""
    if status not in (0, 1, 2):
        fault = f"status {status}"
    elif "Traceback" in said:
        fault = said
    elif status and not re.search(r"(?m)^kindling: .*\n\Z", said):
        fault = f"does not end in one line: {said}"  # which warnings of the data may come before
    elif status == 2 and left:
        fault = f"left behind: {left[0]}"
    elif not status and not any(path.name == "best.ckpt" for path in left):
        fault = "" if any(name in flags[-1] for name in KEEPS_NONE) else "trained nothing"
    return Outcome(flags, fault, bool(status), seconds)


def summary(outcomes: list[Outcome]) -> str:
    """How many there were of which kind."""
    refused, longest = sum(o.refused for o in outcomes), max(o.seconds for o in outcomes)
    trained = len(outcomes) - refused
    return f"{len(outcomes)} tries: {refused} refused, {trained} trained, longest {longest:.1f} s"


def spread(found: list[tuple[str, ...]], count: int) -> Iterator[tuple[str, ...]]:
    """So many of them, from all over."""
    yield from (found[k * len(found) // count] for k in range(count))
