"""A web page to try a trained model, by Gradio."""

from kindling.errors import require_package
from kindling.tools.command import Parser, Words


def main(argv: Words) -> None:
    """Open a web page to try a run's best model."""
    options = Parser(main)
    options.add_argument("--run", required=True, help="folder of the run")
    options.add_argument("--host", default="127.0.0.1", help="0.0.0.0 also serves other machines")
    options.add_argument("--port", type=int, default=7860, help="port; 0 takes any free one")
    chosen = options.parse_args(argv)
    require_package("kindling demo", "gradio", "Gradio", "demo")
    from kindling.tools.demo.page import serve

    serve(chosen.run, chosen.host, chosen.port)
