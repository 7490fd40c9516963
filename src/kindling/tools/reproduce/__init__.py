"""A run made again from its own configuration, on its own data, with its own seed."""

import math
from datetime import UTC, datetime

from kindling.api.record import RESULTS, Record, differing
from kindling.cli.settings import flat
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.command import Failed, Parser, Words, data_of, markdown
from kindling.tools.runner.executors import Local
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Pool

# Values of ``provenance.json`` that differ in every run, or do not matter.
EACH = ("command", "start", "wall_time_s", "data.root")


def main(argv: Words) -> None:
    """Repeat a run from its configuration, data and seed, and compare the scores.

    It is made below ``logs/<task>/reproduce``.

    Raises:
        UserError: The run has no scores, its data have changed, or it cannot be repeated.
        Failed: A score differs.
    """
    options = Parser(main, logs=True)
    options.add_argument("--run", required=True, help="folder of the run")
    chosen = options.parse_args(argv)
    before = Record(runs.find(chosen.run))
    place, config = runs.shown(before.folder), f"--config={before.folder / runs.CONFIG}"
    if before.results.get("checkpoint") != str(runs.BEST) or not before.provenance:
        best = f"has no {RESULTS} of its best checkpoint"
        raise UserError(f"{place}: {best}; first: make evaluate RUN={place}")
    then = before.data()["sha256"]  # None of a plain LightningDataModule
    if then and (data := data_of([config]).fingerprint) != then:
        changed = f"SHA-256 {data[:12]}, was {then[:12]}"
        raise UserError(f"{before.data()['root']}: the data have changed ({changed}): restore them")
    name = f"{before.folder.name}_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    there = chosen.logs.absolute() / before.task / "reproduce" / name
    planned = PlannedRun(before.folder.name, before.task, there, [config], before.settings)
    executor = Local(1)
    executor.threads = before.provenance.get("device", {}).get("threads", 1)
    pool = Pool([planned], executor)
    pool.work()
    for message in pool.failed.values():
        raise UserError(f"{place}: {message}")
    _report(before, Record(there / before.task / "version_0"))


def _report(before: Record, after: Record) -> None:
    old, new, rows = before.scores(), after.scores(), []
    for name, was in old.items():
        now = new.get(name, math.nan)
        rows.append([name, short(was), short(now), "same" if now == was else f"{now - was:+.3g}"])
    print(markdown([["", "was", "is", "difference"], *rows]))
    first, second = (dict(flat(record.provenance)) for record in (before, after))
    others = differing([first, second], beside=EACH)
    for name in others:
        print(f"{name:<12} {first.get(name)}, now {second.get(name)}")
    print(f"new run      {runs.shown(after.folder)}")
    if changed := [name for name, value in old.items() if new.get(name) != value]:
        why = "see above for what else differs" if others else "try it with PRESET=deterministic"
        where = runs.shown(before.folder)
        raise Failed(f"{', '.join(changed)}: not the same as in {where}; {why}")
    print(f"same         all {len(old)} scores, to the last digit")
