"""A web page to try a trained model, by Gradio."""

from kindling.errors import require_package
from kindling.tools.command import Parser, Words, entry


@entry
def main(argv: Words = None) -> None:
    """A page in the browser to try a run's best model."""
    options = Parser(main)
    options.add_argument("--run", required=True, help="folder of the run")
    options.add_argument("--host", default="127.0.0.1", help="address; 0.0.0.0 is for everybody")
    options.add_argument("--port", type=int, default=7860, help="0 takes any that is free")
    chosen = options.parse_args(argv)
    require_package("kindling demo", "gradio", "Gradio", "demo")
    from kindling.tools.demo.page import serve

    serve(chosen.run, chosen.host, chosen.port)
