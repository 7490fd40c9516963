"""The scores that the project publishes: plans that say whose data they are of, all in one go."""

from pathlib import Path

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.command import Parser, Words, console
from kindling.tools.compare import plan

FOLDER = paths.CONFIGS / "results"


def main(argv: Words) -> None:
    """Reproduce the scores of docs/results.md, all or some of them."""
    options = Parser(main, jobs=True)
    options.add_argument("--data", type=Path, help="folder with a folder for each real data set")
    options.set_defaults(test=True)
    options.add_argument("--only", nargs="+", default=[], help="names of plans in configs/results")
    chosen, flags = options.parse_known_args(argv)
    every = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    for name in set(chosen.only).difference(every):
        raise UserError(f"{name}: no such plan in {FOLDER}; there are {', '.join(every)}")
    plans = {name: plan.read(FOLDER / f"{name}.yaml") for name in chosen.only or every}
    from kindling.tools.compare.comparison import compare

    page, logs, shown_on = ["# Results", ""], chosen.logs.absolute(), console()
    for name, planned in plans.items():
        root = (chosen.data / planned.data).absolute() if chosen.data and planned.data else None
        if planned.data and not (root and root.is_dir()):
            where = root or "name the folder that it lies in by DATA"
            shown_on.print(f"left out     {name}: no data here ({where})")
            continue
        shown_on.print(f"results      {name}")
        folder = logs / planned.task / "results" / name
        given = [*([f"--data.root={root}"] if root else []), *flags]
        compare(planned, folder, given, chosen, shown_on)
        page.append(f"## {name}\n\n{(folder / 'compare.md').read_text()}")
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "results.md").write_text("\n".join(page))
    shown_on.print(f"page         {logs / 'results.md'}")
