"""Examines a data set before training: leaks, oddities, and what training would refuse."""

from kindling.tools.command import Parser, Words


def main(argv: Words) -> None:
    """Examine a task's data. Further flags are its settings; status 0 means it would train."""
    options = Parser(main)
    options.add_argument("--task", required=True, help="task whose data to examine")
    chosen, flags = options.parse_known_args(argv)
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    from kindling.tools.check.examine import check

    check(chosen.task, flags)
