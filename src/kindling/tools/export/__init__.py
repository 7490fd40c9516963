"""A trained model as a file that is used without this project: ONNX and ``torch.export``."""

import argparse
from collections.abc import Sequence

from kindling.tools.command import console, ended


def main(argv: Sequence[str] | None = None) -> int:
    """A run's best checkpoint as ONNX and as torch.export's program, checked against it."""
    parser = argparse.ArgumentParser(
        description=main.__doc__,
        epilog="Further flags, such as --data.root=DIR, are the run's own settings.",
        allow_abbrev=False,
    )
    parser.add_argument("--run", required=True, help="folder of the run")
    parser.add_argument("--format", choices=("onnx", "torch"), help="one alone; both")
    chosen, flags = parser.parse_known_args(argv)

    def run() -> None:
        # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
        from kindling.tools.export.export import export
        from kindling.tools.export.program import FILES

        export(chosen.run, [chosen.format] if chosen.format else list(FILES), flags, console())

    return ended(run)
