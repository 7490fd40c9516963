"""A search for a task's settings by validation, with Optuna: which are best, which matter.

python scripts/sweep.py --task potability --trials 50

What is searched is in configs/sweep/<task>.yaml. Further flags, such as --data.root=DIR,
--trainer.max_epochs=5 or --config smoke, go to all trials. Stopped and started again, it goes on;
started twice, both work on the same study.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.errors import require
from kindling.tools.compare import command as shared


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", required=True)
    parser.add_argument("--trials", type=int, default=50, help="that the study shall have")
    parser.add_argument("--name", help="of the study's folder")
    parser.add_argument("--space", type=Path, help="file; configs/sweep/<task>.yaml")
    parser.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    parser.add_argument("--jobs", type=int, help="trials at once; as many as there are cores")
    return shared.ended(lambda: _main(parser, args))


def _main(parser: argparse.ArgumentParser, args: Sequence[str] | None) -> None:
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    chosen, flags = parser.parse_known_args(args)
    from kindling.tools.sweep import space

    searched = space.read(chosen.task, chosen.space)
    folder = shared.folder(chosen.logs, chosen.task, "sweep", chosen.name, flags)
    require("a sweep", "optuna", "Optuna", "sweep")
    from kindling.tools.sweep.command import sweep

    sweep(searched, folder, flags, chosen.trials, chosen.jobs, shared.console())


if __name__ == "__main__":
    sys.exit(main())
