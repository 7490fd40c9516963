"""A task's data and model as training would have them, and what is found in them."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning.pytorch import LightningDataModule, Trainer
from rich.console import Console

from kindling.cli import arguments
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.process import lightning_errors, quiet
from kindling.data.datamodule import DataModule
from kindling.data.sources import DatasetSources
from kindling.errors import UserError
from kindling.runs.folder import shown
from kindling.tools.check import tables, targets
from kindling.tools.check.photos import Photo, check_photos
from kindling.tools.check.report import Report
from kindling.tools.check.series import check_series


class Examined(KindlingCLI):
    """``kindling fit`` up to where the first batch would be trained on, with no run made."""

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
            with lightning_errors():
                self._make_pair()
                self._fit_statistics()
        except UserError as error:
            if self.made is None:  # a setting is wrong, and there is nothing to look at
                raise
            self.refusal = error

    def _fit_statistics(self) -> None:
        """What the model takes from the training split, by a Trainer that writes nothing."""
        trainer = Trainer(accelerator="cpu", devices=1, barebones=True)
        trainer.datamodule = self.datamodule  # type: ignore[attr-defined]
        self.model.trainer = trainer
        self.model.setup("fit")

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def check(task: str, flags: Sequence[str]) -> None:
    """Examine a task's data, with flags over its own configuration, and print what was found.

    Raises a UserError, after the report, if training would refuse the data by it.
    """
    report, console = Report(), Console(highlight=False, width=None if sys.stdout.isatty() else 80)
    with quiet():
        examined = Examined(arguments.read(["fit", f"--config={task}", *flags]))
        data, refusal = examined.made, examined.refusal
        assert data is not None
        heads = {} if refusal else examined.model.heads
        names = {head: name for head, name in data.target_names.items() if head in heads}
        classified = {name: bool(heads[head].classes) for head, name in names.items()}
        examine(data, bool(refusal), classified, report)
    if refusal:
        report.refuse(refusal)
    sizes = data.sizes()
    parts = (f"{k} {size:,} ({size / sum(sizes.values()):.0%})" for k, size in sizes.items())
    origin = "the generated sample" if data.is_sample else shown(data.root)
    console.print(f"data         {origin}", soft_wrap=True)
    console.print(f"samples      {', '.join(parts) or 'none yet'}")
    console.print(report)
    counts = ", ".join(f"{len(found)} {level}" for level, found in report.found.items())
    console.print(f"found        {counts}: training would {'be refused' if refusal else 'start'}")
    if refusal:
        raise refusal


def examine(data: DataModule, refused: bool, classified: dict[str, bool], report: Report) -> None:
    """Add what is found in all that a data module reads.

    ``classified`` says whether a target is of classes, as far as there is a model that knows.
    """
    sources, sizes = _sources(data), data.sizes()
    index = {name: torch.arange(sizes[name]) for name in data.splits if name in sizes}
    described = {str(name): data.describe(name, rows) for name, rows in index.items()}
    if refused and not described and (sources.tables or sources.images):
        report.add("note", "training is refused before anything is split: no splits are compared")
    split = {data.root / f: k for k, known in described.items() for f in known.get("file", ())}
    label: dict[Path, str] = {}
    for source in sources.images:
        labels = source.labels or [""] * len(source.files)
        label |= dict(zip(source.files, labels, strict=True))
    images = [Photo(file, split.get(file, ""), name) for file, name in label.items()]
    if rows := tables.read_rows(sources.tables, described, report):
        tables.check_columns(rows, report)
        tables.check_groups(rows, report)
        tables.check_repeated(rows, report)
        targets.check_targets(rows, classified, report)
        images += [Photo(file, k, "") for file, k in tables.photos_of(rows, report).items()]
    elif any(photo.label for photo in images):
        table = pd.DataFrame(images)
        targets.check_target("class", table["label"].replace("", None), table["split"], report)
    check_photos(images, data.root, refused, report)
    check_series(sources.series, refused, report)


def _sources(data: DataModule) -> DatasetSources:
    """What the data module reads, as far as it can say so of data that are refused."""
    data.prepare_data()
    for offer in (data.sources, lambda: DataModule.sources(data)):
        with suppress(UserError):  # the refusal says it
            return offer()
    return DatasetSources()
