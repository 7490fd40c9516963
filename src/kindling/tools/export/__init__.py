"""A trained model as a file that is used without this project: ONNX and ``torch.export``."""

import argparse

from kindling.tools.command import Words, console, entry


@entry
def main(argv: Words = None) -> None:
    """A run's best checkpoint as checked files. Further flags are the run's own settings."""
    parser = argparse.ArgumentParser(description=main.__doc__, allow_abbrev=False)
    parser.add_argument("--run", required=True, help="folder of the run")
    parser.add_argument("--format", choices=("onnx", "torch"), help="one alone; both")
    chosen, flags = parser.parse_known_args(argv)
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    from kindling.tools.export.export import export
    from kindling.tools.export.program import FILES

    export(chosen.run, [chosen.format] if chosen.format else list(FILES), flags, console())
