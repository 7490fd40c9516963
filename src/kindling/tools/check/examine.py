"""Reads a task's data and model as training would, and reports what it finds."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from lightning.pytorch import Trainer

from kindling.cli import arguments
from kindling.cli.parsing import ParsingCLI
from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.images.read import BadFiles
from kindling.runs.folder import shown
from kindling.tables.columns import described
from kindling.tables.datamodule import TableDataModule
from kindling.tools.check import photos, series, tables
from kindling.tools.check.samples import LEVELS, Finding, collect

COLUMNS = 200  # that are listed


class Checked(ParsingCLI):
    """``kindling fit`` up to the first training batch, without a run."""

    refusal: UserError | None = None  # that training would end with

    def instantiate_classes(self) -> None:
        try:
            with setting_errors():
                self._make_pair()
                # The model's statistics are fitted to the training split; nothing is written.
                self.model.trainer = Trainer(accelerator="cpu", devices=1, barebones=True)
                self.model.trainer.datamodule = self.datamodule
                self.model.setup("fit")
        except UserError as error:
            self.refusal = error


def check(task: str, flags: Sequence[str]) -> None:
    """Examine a task's data, with flags over its own configuration, and print what was found.

    Raises a UserError, after the report, if training would refuse the data by it.
    """
    with quiet():
        checked = Checked(arguments.read(["fit", f"--config={task}", *flags]))
        data, refusal = getattr(checked, "datamodule", None), checked.refusal
        if data is None and refusal:  # a setting is wrong, and there is nothing to look at
            raise refusal
        if not isinstance(data, DataModule):
            raise UserError(f"{type(data).__name__}: not a kindling DataModule: nothing to check")
        found = list(examine(data))
        columns = [] if refusal else _columns(data)
    if isinstance(refusal, BadFiles):
        each = [f"{file}: {fault}" for file, fault in refusal.faults.items()]
        text = "images cannot be read; --data.bad_files=skip leaves them out"
        found.append(Finding("stop", text, each, len(each)))
    elif refusal:
        found.append(Finding("stop", " ".join(str(refusal).split())))
    sizes = data.sizes()
    parts = (f"{k} {size:,} ({size / sum(sizes.values()):.0%})" for k, size in sizes.items())
    print(f"data         {'the generated sample' if data.is_sample else shown(data.root)}")
    print(f"samples      {', '.join(parts) or 'none yet'}")
    for number, line in enumerate(columns):
        print(f"{'' if number else 'columns':12} {line}")
    for finding in sorted(found, key=lambda finding: LEVELS.index(finding.level)):
        print(finding)
    levels = [finding.level for finding in found]
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
