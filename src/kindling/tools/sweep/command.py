"""The command: search settings, then report.

What takes seconds to import is imported late: a wrong option needs neither torch nor Lightning.
"""

from collections.abc import Sequence
from pathlib import Path

from kindling.errors import UserError, require_package
from kindling.tools.command import Words, console, entry, parser
from kindling.tools.runner import typed
from kindling.tools.runner.settings import CLASSES, Settings, shown
from kindling.tools.sweep.space import Space, read, trial_flags


@entry
def sweep(argv: Words) -> None:
    """A search for a task's settings by validation, with Optuna: which are best, which matter."""
    options = parser(sweep.__doc__)
    options.add_argument("--task", required=True)
    options.add_argument("--trials", type=int, default=50, help="that the study shall have")
    options.add_argument("--name", help="of the study's folder")
    options.add_argument("--space", type=Path, help="file; configs/sweep/<task>.yaml")
    chosen, flags = options.parse_known_args(argv)
    space, wanted = read(chosen.task, chosen.space), chosen.trials
    folder = typed.folder(chosen.logs, chosen.task, "sweep", chosen.name, flags)
    require_package("a sweep", "optuna", "Optuna", "sweep")
    if wanted < 1:
        raise UserError(f"trials={wanted}: must be at least 1")
    import torch

    from kindling.data.files import cores
    from kindling.tools.runner.expected import examine
    from kindling.tools.runner.pool import share_out
    from kindling.tools.sweep.outcome import report
    from kindling.tools.sweep.study import Study
    from kindling.tools.sweep.trials import Trials

    flags = [*space.flags, *flags]
    fixed = check(space, flags)
    first = [f"--config={space.task}", *flags, *trial_flags(space.corners()[0])]
    study, shown_on = Study(folder, space, flags, fixed, examine(first).fingerprint), console()
    ended = study.ended()
    room = share_out(max(1, wanted - ended), cores(), torch.cuda.device_count(), chosen.jobs)
    shown_on.print(f"trials       {wanted}, {room[0]} at once, {room[1]} threads each")
    if ended:
        shown_on.print(f"finished     {min(ended, wanted)} of {wanted} trials, from before")
    Trials(study, wanted, room, shown_on).work()
    with study.alone():
        report(study, shown_on)


def check(space: Space, flags: Sequence[str]) -> Settings:
    """The settings that all trials share.

    Raises:
        UserError: There is no such setting or choice, or a flag says what is to be searched.
    """
    from kindling.tools.runner.expected import settings

    for name in space.searched.keys() & {f.partition("=")[0].removeprefix("--") for f in flags}:
        raise UserError(f"{name}: {space.path} searches it; leave the flag out")
    whole: Settings = {}
    for values in space.corners():
        whole = settings([f"--config={space.task}", *flags, *trial_flags(values)])
        for name, value in values.items():
            if name not in whole:
                raise UserError(f"{space.path}: {name}: no setting of a run")
            if whole[name] != value:
                read_as = f"{shown(value)} is read as {shown(whole[name])}"
                raise UserError(f"{space.path}: {name}: {read_as}; write it so")
    # A class that is searched brings arguments of its own.
    apart = tuple(f"{name}." for name in CLASSES if name in space.searched)
    return {k: v for k, v in whole.items() if k not in space.searched and not k.startswith(apart)}
