"""A task as it is configured, over the folds of a cross-validation."""

from kindling.tools import command
from kindling.tools.command import Parser, Words, whole
from kindling.tools.compare import TEST, Plan, compare


def main(argv: Words) -> None:
    """Cross-validate a task as it is configured.

    Folds are stratified by class, hold groups together or roll on in time, as the task has it.
    """
    options = Parser(main, jobs=True)
    options.add_argument("--task", required=True, help="task to cross-validate")
    options.add_argument("--folds", type=whole("folds", 2), default=5, help="default: 5")
    options.add_argument("--name", help="name of the folder")
    options.add_argument("--test", action="store_true", help=TEST)
    chosen, flags = options.parse_known_args(argv)
    folder = command.folder(chosen.logs, chosen.task, "crossval", chosen.name, flags)
    compare(Plan(chosen.task, {"default": []}, "fold", chosen.folds), folder, flags, chosen)
