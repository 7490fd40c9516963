"""A trained model as a file that is used without this project: ONNX and ``torch.export``."""

from kindling.tools.command import Parser, Words


def main(argv: Words) -> None:
    """Export a run's best checkpoint and check it. Further flags are the run's settings."""
    options = Parser(main)
    options.add_argument("--run", required=True, help="folder of the run")
    options.add_argument("--format", choices=("onnx", "torch"), help="only this one; default: both")
    chosen, flags = options.parse_known_args(argv)
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    from kindling.tools.export.export import export
    from kindling.tools.export.program import FILES

    export(chosen.run, [chosen.format] if chosen.format else list(FILES), flags)
