"""The scores that the project publishes: plans that say whose data they are of, all in one go."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.compare import plan
from kindling.tools.compare.comparison import compare

FOLDER = paths.CONFIGS / "results"


def publish(
    names: Sequence[str],
    data: Path | None,
    logs: Path,
    jobs: int | None,
    console: Console,
    flags: Sequence[str] = (),
) -> None:
    """Make the runs of the plans that are named, or of all, and a page of their tables.

    ``data`` is a folder with a folder for each real data set; what is not there is left out.
    """
    every = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    for name in set(names).difference(every):
        raise UserError(f"{name}: no such plan in {FOLDER}; there are {', '.join(every)}")
    page = ["# Results", ""]
    for name, chosen in {n: plan.read(FOLDER / f"{n}.yaml") for n in names or every}.items():
        root = (data / chosen.data).absolute() if data and chosen.data else None
        if chosen.data and not (root and root.is_dir()):
            where = root or "name the folder that it lies in by DATA"
            console.print(f"left out     {name}: no data here ({where})")
            continue
        console.print(f"results      {name}")
        folder = logs.absolute() / chosen.task / "results" / name
        compare(chosen, folder, [*([f"--data.root={root}"] if root else []), *flags], jobs, console)
        page.append(f"## {name}\n\n{(folder / 'compare.md').read_text()}")
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "results.md").write_text("\n".join(page))
    console.print(f"page         {logs / 'results.md'}")
