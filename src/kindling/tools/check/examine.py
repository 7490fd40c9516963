"""Reads a task's data and model as training would, and reports what it finds."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from lightning.pytorch import Trainer

from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.images.read import BadFiles
from kindling.runs.folder import shown
from kindling.tables.columns import described
from kindling.tables.datamodule import TableDataModule
from kindling.tools.check import photos, series, tables
from kindling.tools.check.samples import LEVELS, Finding, collect
from kindling.tools.runner import settings

COLUMNS = 200  # that are listed


def check(task: str, flags: Sequence[str]) -> None:
    """Examine a task's data, with flags over its own configuration, and print what was found.

    Raises a UserError, after the report, if training would refuse the data by it.
    """
    refusal: UserError | None = None
    with quiet():
        command = settings.parsed([f"--config={task}", *flags])
        try:
            with setting_errors():
                command.make()
                # The model's statistics are fitted to the training split; nothing is written.
                command.model.trainer = Trainer(accelerator="cpu", devices=1, barebones=True)
                command.model.trainer.datamodule = command.datamodule
                command.model.setup("fit")
        except UserError as error:
            refusal = error
        data = getattr(command, "datamodule", None)
        if data is None and refusal:  # a setting is wrong, and there is nothing to look at
            raise refusal
        if not isinstance(data, DataModule):
            raise UserError(f"{type(data).__name__}: not a kindling DataModule: nothing to check")
        found = list(examine(data))
        columns = [] if refusal else _columns(data)
    sizes = data.sizes()
    parts = (f"{k} {size:,} ({size / sum(sizes.values()):.0%})" for k, size in sizes.items())
    print(f"data         {'the generated sample' if data.is_sample else shown(data.root)}")
    print(f"samples      {', '.join(parts) or 'none yet'}")
    for number, line in enumerate(columns):
        print(f"{'' if number else 'columns':12} {line}")
    if isinstance(refusal, BadFiles):  # of which the last line names only some
        each = [f"{file}: {fault}" for file, fault in refusal.faults.items()]
        text = "images cannot be read; --data.bad_files=skip leaves them out"
        found.append(Finding("stop", text, each, len(each)))
    for finding in sorted(found, key=lambda finding: LEVELS.index(finding.level)):
        print(finding)
    levels: list[str] = [finding.level for finding in found if finding.level != "stop"]
    levels += ["stop"] if refusal else []
    counts = ", ".join(f"{levels.count(level)} {level}" for level in LEVELS)
    print(f"found        {counts}: training would {'be refused' if refusal else 'start'}")
    if refusal:
        raise refusal


def examine(data: DataModule) -> Iterator[Finding]:
    """Findings in a data module's splits and in its files."""
    if samples := collect(data):
        yield from tables.findings(samples)
        yield from photos.repeated(samples)
    with suppress(UserError):  # that training is refused by
        yield from photos.squashed(data)
        yield from series.faults(data.sources().series)
        yield from tables.related(data)


def _columns(data: DataModule) -> list[str]:
    """What each column of a table that is trained on is taken for, with an example."""
    if not isinstance(data, TableDataModule) or data.target not in data.target_names.values():
        return []
    found = described(data.load(data.path), data.columns, data.targets)
    return [f"{name}: {what}" for name, what in found.items()][:COLUMNS]
