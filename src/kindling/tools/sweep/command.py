"""The command: search, then report."""

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from kindling.data.files import cores
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.compare import expected
from kindling.tools.compare.pool import share_out
from kindling.tools.compare.settings import TRAINERS, Settings, shown
from kindling.tools.compare.table import show
from kindling.tools.sweep import figures, journal, outcome
from kindling.tools.sweep.space import Space, trial_flags
from kindling.tools.sweep.study import Study
from kindling.tools.sweep.work import Command, Sweep, command

SHOWN = 5
"""Trials, of the best."""


def sweep(
    space: Space,
    folder: Path,
    flags: Sequence[str],
    wanted: int,
    jobs: int | None,
    console: Console,
    command: Command = command,
) -> None:
    """Make the trials that are not there yet, then report.

    Args:
        space: What is searched.
        folder: Where everything is written.
        flags: Of all trials, over those of the space.
        wanted: Trials that there shall be.
        jobs: Processes at once; none are as many as there are cores.
        console: For the display and the tables.
        command: What works on a trial's run.

    Raises:
        UserError: A setting or a flag is wrong, which is known before anything is written.
        Stopped: By a signal; the same command goes on.
    """
    if wanted < 1:
        raise UserError(f"trials={wanted}: must be at least 1")
    shared = [*space.flags, *flags]
    fixed = check(space, shared)
    first = space.corners()[0]
    data = expected.examine([f"--config={space.task}", *shared, *trial_flags(first)]).fingerprint
    study = Study(folder, space, shared, fixed, data)
    ended = study.ended()
    at_once, threads = share_out(max(1, wanted - ended), cores(), torch.cuda.device_count(), jobs)
    console.print(f"trials       {wanted}, {at_once} at once, {threads} threads each")
    if ended:
        console.print(f"finished     {min(ended, wanted)} of {wanted} trials, from before")
    Sweep(study, wanted, at_once, threads, console, command).work()
    with journal.alone(folder):
        report(study, console)


def check(space: Space, flags: Sequence[str]) -> Settings:
    """The settings that all trials share.

    Raises:
        UserError: There is no such setting or choice, or a flag says what is to be searched.
    """
    given = {flag.partition("=")[0].removeprefix("--") for flag in flags}
    for name in space.searched:
        if name in given:
            raise UserError(f"{name}: {space.path} searches it; leave the flag out")
    whole: Settings = {}
    for values in space.corners():
        whole = expected.settings([f"--config={space.task}", *flags, *trial_flags(values)])
        for name, value in values.items():
            if name not in whole:
                raise UserError(f"{space.path}: {name}: no setting of a run")
            if whole[name] != value:
                raise UserError(
                    f"{space.path}: {name}: {shown(value)} is read as {shown(whole[name])}; "
                    "write it so"
                )
    # A class that is searched brings arguments of its own.
    apart = tuple(f"{name}." for name in TRAINERS if name in space.searched)
    return {k: v for k, v in whole.items() if k not in space.searched and not k.startswith(apart)}


def report(study: Study, console: Console) -> None:
    """Write tables and charts, and show what was found."""
    outcome.write_trials(study)
    found = outcome.finished(study)
    links = outcome.link(study)
    place = runs.shown(study.folder)
    if not found:
        raise UserError(f"{place}: no trial is complete; {place}/trials.csv lists them")
    names = list(study.space.searched)
    grid = [["trial", study.monitor, "epochs", *names]]
    for trial in found[:SHOWN]:
        settings = study.values(trial)
        cells = [_short(settings[name]) for name in names]
        epochs = str(len(trial.intermediate_values))
        grid.append([str(trial.number), short(trial.value or 0.0), epochs, *cells])
    show(grid, console)
    shares = outcome.importance(study)
    if shares:
        show([["setting", "importance"], *([n, f"{s:.0%}"] for n, s in shares.items())], console)
    charts = {
        "history.png": figures.draw_history(*outcome.curve(study), study.lower),
        "importance.png": figures.draw_importance(shares),
    }
    drawn = {name: figure for name, figure in charts.items() if figure}
    for name, figure in drawn.items():
        figure.savefig(study.folder / name, dpi=120)
    best = outcome.write_best(study, found[0])
    settings = study.values(found[0])
    console.print(f"best         {', '.join(f'{n}={_short(settings[n])}' for n in names)}")
    console.print("chosen       on validation alone: no trial was scored on the test split")
    console.print(f"train it     {outcome.training(study, best)}")
    console.print(f"files        {place}/best.yaml, trials.csv, {', '.join(drawn)}")
    console.print(f"curves       tensorboard --logdir {runs.shown(links)}")


def _short(value: object) -> str:
    return short(value) if isinstance(value, float) else shown(value)
