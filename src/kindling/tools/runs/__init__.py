"""A list of all runs."""

from kindling.tools.command import Words, console, entry, parser
from kindling.tools.runner import typed
from kindling.tools.runner.grid import show


@entry
def main(argv: Words) -> None:
    """All runs: when, commit, data, settings that differ from the task's configuration, scores."""
    options = parser(main.__doc__, jobs=False)
    options.add_argument("--task", help="whose runs; all tasks if none is given")
    options.add_argument("--all", action="store_true", help="those of comparisons too")
    chosen = options.parse_args(argv)
    if chosen.task:
        typed.check_task(chosen.task)
    from kindling.tools.runs import listing

    show(listing.grid(listing.found(chosen.logs, chosen.task, chosen.all)), console(), left=True)
