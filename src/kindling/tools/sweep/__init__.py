"""A search for good settings, by validation alone."""

from pathlib import Path

from kindling.errors import require_package
from kindling.tools.command import Parser, Words, console, whole
from kindling.tools.runner import typed


def main(argv: Words) -> None:
    """Search a task's settings by validation score, with Optuna."""
    options = Parser(main, jobs=True)
    options.add_argument("--task", required=True, help="task whose settings to search")
    options.add_argument("--trials", type=whole("trials"), default=50, help="default: 50")
    options.add_argument("--name", help="name of the study's folder")
    options.add_argument("--space", type=Path, help="default: configs/sweep/<task>.yaml")
    chosen, flags = options.parse_known_args(argv)
    typed.check_task(chosen.task)
    folder = typed.folder(chosen.logs, chosen.task, "sweep", chosen.name, flags)
    require_package("a sweep", "optuna", "Optuna", "sweep")
    # Not at the top: they take seconds, and a wrong option needs none of them.
    from kindling.tools.runner import executors
    from kindling.tools.runner.expected import examine
    from kindling.tools.sweep.outcome import report
    from kindling.tools.sweep.space import read, shared_settings, trial_flags
    from kindling.tools.sweep.study import Study
    from kindling.tools.sweep.trials import Trials

    space = read(chosen.task, chosen.space, flags)
    fixed = shared_settings(space)
    data = examine([*space.flags, *trial_flags(space.corners()[0])]).fingerprint
    study, shown_on = Study(folder, space, fixed, data), console()
    ended = study.ended()
    wanted = chosen.trials
    room = executors.room(max(1, wanted - ended), chosen)
    shown_on.print(f"trials       {wanted}, {room[0]} at once, {room[1]} threads each")
    if ended:
        shown_on.print(f"finished     {min(ended, wanted)} of {wanted} trials, from before")
    Trials(study, wanted, room, shown_on).work()
    with study.alone():
        report(study, shown_on)
