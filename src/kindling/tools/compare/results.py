"""The scores that the project publishes: plans that say whose data they are of, all in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.compare import comparison, plan
from kindling.tools.compare.plan import Plan, SeedOrFold

FOLDER = paths.CONFIGS / "results"
KEYS = ("task", "data", "folds")


@dataclass(frozen=True)
class Published:
    """A plan of published scores.

    Args:
        name: Of its file.
        plan: Task, variants, seeds.
        data: Folder of the real data, below that of all; none is the sample.
        units: Seeds, or the folds of a cross-validation.
    """

    name: str
    plan: Plan
    data: str | None
    units: list[SeedOrFold]

    def root(self, data: Path | None) -> Path | None:
        """Its folder in that of all real data, whether it is there or not."""
        return None if self.data is None or data is None else (data / self.data).absolute()

    def flags(self, data: Path | None) -> list[str]:
        root = self.root(data)
        return [f"--data.root={root}"] if root else []


def read(path: Path) -> Published:
    """A plan of ``configs/results``: as those of comparisons, with ``task``, ``data``, ``folds``.

    Raises:
        UserError: It is not made of these.
    """
    content = plan.load(path, "it names a task, its data and variants")
    if not isinstance(content, dict) or not isinstance(content.get("task"), str):
        raise UserError(f"{path}: names no task; expected a line such as task: timeseries")
    task, data, folds = (content.pop(key, None) for key in KEYS)
    plan.check_task(task)
    chosen = plan.parse(task, content, path)
    if data is not None and not isinstance(data, str):
        raise UserError(f"{path}: data: {data}: expected the name of a folder")
    if folds is None:
        units = plan.seeds(chosen.seeds)
    else:
        units = plan.folds(plan.typed_count("folds", folds, path))
    return Published(path.stem, chosen, data, units)


def choose(names: Sequence[str]) -> list[Published]:
    """Those that are named, or all."""
    every = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    for name in names:
        if name not in every:
            raise UserError(f"{name}: no such plan in {FOLDER}; there are {', '.join(every)}")
    return [read(FOLDER / f"{name}.yaml") for name in names or every]


def publish(
    chosen: Sequence[Published],
    data: Path | None,
    logs: Path,
    jobs: int | None,
    console: Console,
    flags: Sequence[str] = (),
) -> Path:
    """Make all runs that are not there yet, and one page of all their tables.

    Args:
        chosen: Plans.
        data: Folder with a folder for each real data set; none leaves those plans out.
        logs: Folder of the runs.
        jobs: Processes at once; none are as many as there are cores.
        console: For the display and the tables.
        flags: Of all runs, over those of the plans.

    Returns:
        The page, ``logs/results.md``.
    """
    pages = []
    for one in chosen:
        root = one.root(data)
        if one.data is not None and not (root and root.is_dir()):
            where = root or "name the folder that it lies in by DATA"
            console.print(f"left out     {one.name}: no data here ({where})")
            continue
        console.print(f"results      {one.name}")
        folder = logs.absolute() / one.plan.task / "results" / one.name
        given = [*one.flags(data), *flags]
        comparison.compare(one.plan, one.units, folder, given, jobs, console)
        pages.append(f"## {one.name}\n\n{(folder / 'compare.md').read_text()}")
    page = logs / "results.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(["# Results", "", *pages]))
    console.print(f"page         {page}")
    return page
