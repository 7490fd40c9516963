"""Pictures of a run for README and pages: its table, and its tabs in TensorBoard.

python scripts/pictures.py --run logs/timeseries/latest

Without a run, three are made on the generated sample, the first as `make train TASK=timeseries`
makes it, which takes some minutes; they are gone afterwards. Of several runs the first is shown;
HPARAMS, which compares, has all of them. TensorBoard is looked at in headless Chromium.
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import board
import browser
from browser import Page
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI

from kindling.__main__ import ended
from kindling.data import paths
from kindling.errors import UserError
from kindling.runs import folder as runs

FRESH: Sequence[Sequence[str]] = ((), ("--model.cell=gru",), ("--model.cell=rnn",))
"""Flags of the runs that are made where none is named."""

RESULTS = "results.json"

COLUMNS = 80
"""Of the terminal in the picture."""

HTML = """<body style="margin: 0; background: {background}">
<pre style="margin: 0; padding: 14px 20px; width: max-content; color: {foreground};
font: 15px/1.3 'DejaVu Sans Mono', monospace">{code}</pre>
"""


ONE_SETTING = """(() => {
  const boxes = [];
  const walk = node => {
    if (node.classList && node.classList.contains("hparam-checkbox")) boxes.push(node);
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  boxes.slice(1).filter(box => box.checked).forEach(box => box.click());
})()"""
"""Of the settings leave the first, one that differs if any does: there is room for the scores."""


class Tab(NamedTuple):
    """A tab of TensorBoard.

    Args:
        name: What its address ends with.
        words: What it says once it shows what it is there for.
        runs: How many of the runs it is to show; None is for all.
        size: Of the window, in pixels.
        action: JavaScript for what is to be clicked there.
    """

    name: str
    words: Sequence[str]
    runs: int | None
    size: tuple[int, int]
    action: str = ""


TABS = {
    "tensorboard": Tab("scalars", ("curves/loss", "tag:"), 1, (1180, 760)),
    "tensorboard_images": Tab("images", ("figures/", "step"), 1, (1180, 760)),
    "tensorboard_hparams": Tab("hparams", ("Trial ID", "model."), None, (1180, 440), ONE_SETTING),
}


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--run", nargs="+", help="folders of runs; a fresh one of the sample")
    parser.add_argument("--output", type=Path, default=paths.PROJECT / "docs" / "images")
    chosen = parser.parse_args(args)
    return ended(lambda: _take(chosen.run, chosen.output))


def _take(given: Sequence[str] | None, output: Path) -> None:
    browser.require()  # before a run is made for nothing
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder) / "logs"
        shown = [runs.find(run) for run in given] if given else fresh_runs(logs)
        if not (shown[0] / RESULTS).exists():
            raise UserError(f"{shown[0]}: no {RESULTS} yet; score it: make evaluate RUN={shown[0]}")
        task = shown[0].parent.name
        output.mkdir(parents=True, exist_ok=True)
        with browser.chromium() as page:
            save(output / f"{task}_table.png", picture_of_table(page, shown[0]))
            for name, picture in pictures_of_tabs(page, shown, Path(folder)):
                save(output / f"{task}_{name}.png", picture)


def fresh_runs(logs: Path) -> list[Path]:
    """Runs of the sample; the first is the one that the README begins with."""
    train = [sys.executable, "-m", "kindling", "train", "--config=timeseries", f"--logs={logs}"]
    for flags in FRESH:
        if subprocess.run([*train, *flags], check=False).returncode:
            raise UserError("a run for the pictures failed, see above; or name one by RUN=...")
    return [runs.find(str(logs / "timeseries" / f"version_{k}")) for k in range(len(FRESH))]


def picture_of_table(page: Page, run: Path) -> bytes:
    """The table that ends `make train`, as a terminal shows it."""
    # Not at the top: torch takes seconds, and what is wrong so far needs none of it.
    from kindling.evaluation.terminal import show

    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), highlight=False, soft_wrap=True
    )
    with contextlib.chdir(run.parents[2]):  # where it is logs/<task>/<run>, as in the project
        show(json.loads((run / RESULTS).read_text()), run, console)
    html = console.export_html(theme=MONOKAI, code_format=HTML, inline_styles=True)
    page.open("about:blank")
    page.evaluate(f"document.documentElement.innerHTML = {json.dumps(html)}")
    size = "document.querySelector('pre').getBoundingClientRect()"
    page.resize(*(round(page.evaluate(f"{size}.{side}")) for side in ("width", "height")))
    return page.still()


def pictures_of_tabs(
    page: Page, shown: Sequence[Path], folder: Path
) -> Iterator[tuple[str, bytes]]:
    """What TensorBoard shows of the runs, by the name of the picture."""
    for number, tabs in groupby(TABS.items(), key=lambda item: item[1].runs):
        logs = linked(shown[:number], folder / f"first {number}" / "logs" / runs.TENSORBOARD)
        with board.tensorboard(logs) as address:
            for picture, tab in tabs:
                page.resize(*tab.size)
                page.open(f"{address}#{tab.name}")
                page.wait_for(*tab.words)
                page.still()
                page.evaluate(tab.action)
                yield picture, page.still()


def linked(shown: Sequence[Path], folder: Path) -> Path:
    """A folder of links to the runs, as `make tensorboard` has one."""
    for run in shown:
        link = folder / run.parent.name / run.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(run, target_is_directory=True)
    return folder


def save(path: Path, picture: bytes) -> None:
    """Write a picture as small as it gets without loss, whole or not at all."""
    unfinished = path.with_name(f".{path.name}")
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").save(unfinished, format="PNG", optimize=True)
    unfinished.replace(path)
    print(f"picture  {runs.shown(path)} ({path.stat().st_size / 1024:.0f} KiB)")


if __name__ == "__main__":
    sys.exit(main())
