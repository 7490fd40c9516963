"""A run's best checkpoint as ONNX and as torch.export's program, checked against the checkpoint.

python scripts/export.py --run logs/timeseries/latest
python scripts/export.py --run logs/timeseries/latest --format torch

Further flags, such as --data.root=DIR, are the run's own settings: of where its test samples are.
"""

import argparse
import sys
from collections.abc import Sequence

from kindling.tools import command


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--run", required=True, help="folder of the run")
    parser.add_argument("--format", choices=("onnx", "torch"), help="one alone; both")
    chosen, flags = parser.parse_known_args(args)
    return command.ended(lambda: _main(chosen, flags))


def _main(chosen: argparse.Namespace, flags: Sequence[str]) -> None:
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    from kindling.tools.export.command import export
    from kindling.tools.export.write import FORMATS

    formats = (chosen.format,) if chosen.format else FORMATS
    export(chosen.run, formats, flags, command.console())


if __name__ == "__main__":
    sys.exit(main())
