"""A search for good settings, by validation alone."""

from pathlib import Path

from kindling.errors import require_package
from kindling.tools import command
from kindling.tools.command import Parser, Words, whole


def main(argv: Words) -> None:
    """Search a task's settings by validation score, with Optuna."""
    options = Parser(main, jobs=True)
    options.add_argument("--task", required=True, help="task whose settings to search")
    options.add_argument("--trials", type=whole("trials"), default=50, help="default: 50")
    options.add_argument("--name", help="name of the study's folder")
    options.add_argument("--space", type=Path, help="default: configs/sweep/<task>.yaml")
    chosen, flags = options.parse_known_args(argv)
    folder = command.folder(chosen.logs, chosen.task, "sweep", chosen.name, flags)
    require_package("a sweep", "optuna", "Optuna", "sweep")
    # Not at the top: they take seconds, and a wrong option needs none of them.
    from kindling.runs.folder import locked
    from kindling.tools.runner import executors
    from kindling.tools.sweep.space import checked, read
    from kindling.tools.sweep.study import Sweep

    space = checked(read(chosen.task, chosen.space, flags))
    first = command.flags(space.corners()[0])
    data = command.data_of([*space.flags, *first]).fingerprint
    executor = executors.choose(chosen.trials, chosen)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        sweep = Sweep(folder, space, data, chosen.trials, executor)
        sweep.work()
        sweep.report()
