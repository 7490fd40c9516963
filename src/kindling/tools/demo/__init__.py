"""A web page to try a trained model, by Gradio."""

from kindling.errors import require_package
from kindling.runs import folder as runs
from kindling.tools.command import Parser, Words, whole


def main(argv: Words) -> None:
    """Open a web page to try a run's best model."""
    options = Parser(main)
    options.add_argument("--run", required=True, help="folder of the run")
    options.add_argument("--host", default="127.0.0.1", help="0.0.0.0 also serves other machines")
    port = whole("port", 0, 65535)
    options.add_argument("--port", type=port, default=7860, help="default: 7860; 0: any free one")
    chosen = options.parse_args(argv)
    require_package("kindling demo", "gradio", "Gradio", "demo")
    runs.find(chosen.run)  # before Gradio is imported, which takes seconds
    from kindling.tools.demo.page import serve

    serve(chosen.run, chosen.host, chosen.port)
