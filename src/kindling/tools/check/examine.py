"""Reads a task's data and model as training would, and reports what it finds."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from lightning.pytorch import LightningDataModule, Trainer

from kindling.cli import arguments
from kindling.cli.parsing import ParsingCLI
from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.images.read import BadFiles
from kindling.runs.folder import shown
from kindling.tools.check.photos import check_photos, check_shapes
from kindling.tools.check.report import Report
from kindling.tools.check.samples import collect
from kindling.tools.check.series import check_series
from kindling.tools.check.tables import (
    check_identifiers,
    check_leaks,
    check_related,
    check_repeated,
    check_targets,
    column_lines,
)
from kindling.tools.command import console


class Checked(ParsingCLI):
    """``kindling fit`` up to the first training batch, without a run."""

    refusal: UserError | None = None  # that training would end with
    made: DataModule | None = None  # without splits if training is refused before

    def _make_data(
        self, class_type: type[LightningDataModule], *args: Any, **kwargs: Any
    ) -> LightningDataModule:
        data = super()._make_data(class_type, *args, **kwargs)
        if not isinstance(data, DataModule):
            raise UserError(f"{class_type.__name__}: not a kindling DataModule: nothing to check")
        self.made = data
        return data

    def instantiate_classes(self) -> None:
        try:
            with setting_errors():
                self._make_pair()
                self._fit_statistics()
        except UserError as error:
            if self.made is None:  # a setting is wrong, and there is nothing to look at
                raise
            self.refusal = error

    def _fit_statistics(self) -> None:
        """Fit the model's statistics to the training split, by a Trainer that writes nothing."""
        trainer = Trainer(accelerator="cpu", devices=1, barebones=True)
        trainer.datamodule = self.datamodule  # type: ignore[attr-defined]
        self.model.trainer = trainer
        self.model.setup("fit")


def check(task: str, flags: Sequence[str]) -> None:
    """Examine a task's data, with flags over its own configuration, and print what was found.

    Raises a UserError, after the report, if training would refuse the data by it.
    """
    with quiet():
        checked = Checked(arguments.read(["fit", f"--config={task}", *flags]))
        data, refusal = checked.made, checked.refusal
        assert data is not None
        report = examine(data)
        columns = [] if refusal else column_lines(data)
    if isinstance(refusal, BadFiles):
        each = [f"{file}: {fault}" for file, fault in refusal.faults.items()]
        text = "images cannot be read; --data.bad_files=skip leaves them out"
        report.add("stop", text, each, len(each))
    elif refusal:
        report.add("stop", " ".join(str(refusal).split()))
    sizes, out = data.sizes(), console()
    parts = (f"{k} {size:,} ({size / sum(sizes.values()):.0%})" for k, size in sizes.items())
    out.print(f"data         {'the generated sample' if data.is_sample else shown(data.root)}")
    out.print(f"samples      {', '.join(parts) or 'none yet'}")
    for number, line in enumerate(columns):
        out.print(f"{'' if number else 'columns':12} {line}", markup=False)
    out.print(report, end="\n" if str(report) else "")
    counts = ", ".join(f"{len(found)} {level}" for level, found in report.found.items())
    out.print(f"found        {counts}: training would {'be refused' if refusal else 'start'}")
    if refusal:
        raise refusal


def examine(data: DataModule) -> Report:
    """Findings in a data module's splits and in its series' files."""
    report, samples = Report(), collect(data)
    for look in (check_identifiers, check_leaks, check_targets, check_repeated, check_photos):
        look(samples, report)
    with suppress(UserError):  # that training is refused by
        check_shapes(data, report)
        check_series(data.sources().series, report)
        check_related(data, report)
    return report
