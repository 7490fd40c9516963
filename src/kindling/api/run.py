"""``kindling.load`` and ``kindling.train``: a trained run as an object that predicts."""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from kindling.api.contained import InProcess, contained, flags
from kindling.api.inputs import Given, as_input, named
from kindling.cli import arguments
from kindling.cli import lightning_cli as cli
from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.runs import checkpoints
from kindling.runs import folder as runs
from kindling.training.module import Module

SILENT = {
    "trainer.logger": False,
    "trainer.enable_progress_bar": False,
    "trainer.enable_model_summary": False,
}


class Loaded(InProcess):
    """A command up to the point where it makes the Trainer, with the checkpoint's weights."""

    def instantiate_classes(self) -> None:
        self._instantiate()
        with checkpoints.fitting(self.checkpoint):
            self.model.load_state_dict(self.origin["state_dict"])
        self.model.eval()

    def after_instantiate_classes(self) -> None:
        pass

    def set_up(self, stage: str) -> None:
        """Read the data, whose splits must be those of training for scores to mean anything."""
        self.datamodule.prepare_data()
        self.datamodule.setup(stage)
        self._check_origin()

    @cached_property
    def _predictor(self) -> Trainer:
        self.folder = self._make_folder()
        trainer = self._make_trainer()
        self.evaluation.output = None
        return trainer

    def predicted(self, data: DataModule) -> pd.DataFrame:
        """What ``kindling predict`` would write for the data's input."""
        self._predictor.predict(self.model, data, return_predictions=False)
        if self.evaluation.predictions is None:
            what = f"{type(self.model).__name__} makes predictions that are not a table"
            raise UserError(f"{what}: use lightning's Trainer().predict(run.model, run.data)")
        return self.evaluation.predictions


class Run:
    """A trained run, made by ``kindling.load`` and ``kindling.train``.

    Attributes:
        folder: The run's folder; for a checkpoint outside any run, where its scores are written.
        task: The task that it was trained on.
        model: The LightningModule with the checkpoint's weights, in evaluation mode.
        config: The whole configuration, as in ``config.yaml``.

    Examples:
        >>> import kindling
        >>> run = kindling.load("logs/potability/latest")
        >>> run
        Run('potability', 'logs/potability/version_0')
        >>> type(run.model).__name__, run.config["model"]["init_args"]["hidden"]
        ('PotabilityModule', [8])
        >>> run.data.sizes()["test"]
        columns: numbers ph, Hardness, ...
        656
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        # A copy from before anything is read: each prediction has its own data module.
        self._data = copy.deepcopy(loaded.datamodule)
        assert loaded.checkpoint is not None
        alone = loaded.checkpoint.with_name(f"{loaded.checkpoint.stem}-results")
        self.folder = loaded.given_run or alone
        self.task = loaded.task
        self.model: LightningModule = loaded.model
        self.config: dict[str, Any] = loaded.whole

    def __repr__(self) -> str:
        return f"Run({self.task!r}, {runs.shown(self.folder)!r})"

    @cached_property
    def data(self) -> LightningDataModule:
        """The data module, which reads its files when it is first asked for.

        Raises:
            UserError: The files are gone, or their splits have changed.
        """
        with contained(), quiet(), setting_errors():
            self._loaded.set_up("test")
        data: LightningDataModule = self._loaded.datamodule
        return data

    @property
    def results(self) -> dict[str, Any]:
        """The content of ``results.json``; empty if the run was not tested."""
        return runs.read_json(self.folder / "results.json")

    def predict(self, x: Given) -> pd.DataFrame:
        """Predict raw input, which needs no targets.

        Args:
            x: A file or a folder; a DataFrame with the columns of the training file; of a table,
                an array ``(N, F)`` of the columns that it was trained on, in order. Photos: a path,
                a Pillow image or an array ``(H, W, 3)`` of bytes, or a list of them. Paths in a
                DataFrame are relative to the current folder.

        Returns:
            What ``kindling predict`` writes: a row for each sample, with what identifies it, the
            prediction in the training file's own units, and for classes a probability for each.
            A DataFrame's rows count from 2, as in a file with a header.

        Raises:
            UserError: A column is missing, a cell or a photo cannot be read, or the model's
                predictions are no table.

        Examples:
            >>> import kindling, pandas as pd
            >>> run = kindling.load("logs/potability/latest")
            >>> table = pd.read_csv("data/sample/potability/water_potability.csv")
            >>> run.predict(table.head(3))[["row", "prediction"]].shape
            (3, 2)
            >>> run.predict(table[["ph"]])
            Traceback (most recent call last):
            ...
            kindling.errors.UserError: the DataFrame: no column 'Hardness': the columns are ph
        """
        data = self._data
        if not (isinstance(data, DataModule) and isinstance(self.model, Module)):
            names = f"{type(self.model).__name__} with {type(data).__name__}"
            how = "use lightning's Trainer().predict(run.model, loader)"
            raise UserError(f"{names}: not Kindling's classes, which alone read raw input; {how}")
        data = copy.deepcopy(data)
        with contained(), quiet(), setting_errors(), as_input(x, data) as (data.input, given):
            return named(self._loaded.predicted(data), given)


def load(run: str | Path, overrides: Mapping[str, Any] | None = None) -> Run:
    """Load a run's best checkpoint.

    Args:
        run: The run's folder, such as ``logs/timeseries/latest``, or a checkpoint file.
        overrides: Settings by name that override the run's, such as
            ``{"trainer.accelerator": "cpu"}``.

    Raises:
        UserError: There is no such run, it has no checkpoint, or the checkpoint is damaged or was
            made by code that does not fit.

    Examples:
        >>> import kindling
        >>> kindling.load("logs/potability/latest").results["split"]
        'test'
        >>> kindling.load("logs/potability/version_7")
        Traceback (most recent call last):
        ...
        kindling.errors.UserError: logs/potability/version_7: no such run; runs are in ...
    """
    if not isinstance(run, str | Path):
        raise UserError(f"{run!r}: not a run; give its folder, such as logs/timeseries/latest")
    name = "ckpt_path" if Path(run).expanduser().is_file() else "run"
    settings = [*flags(SILENT), *flags(overrides)]
    with contained(), quiet(), setting_errors():
        return Run(Loaded(arguments.read(["predict", f"--{name}={run}", *settings])))


def train(
    task: str,
    overrides: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    presets: Sequence[str] = (),
) -> Run:
    """Train a task, test its best checkpoint and return the run, as ``kindling train`` does.

    Training uses this process and one device. The run is in ``logs/<task>/version_N``.

    Args:
        task: A task's name, or a YAML file of settings.
        overrides: Settings by name that override the task's and the presets'.
        data: Folder of the data; None is the task's, or else the generated sample.
        presets: Presets by name, or YAML files of settings.

    Returns:
        The finished run.

    Raises:
        UserError: There is no such task or setting, or the data cannot be used; its
            subclass Diverged if the loss became NaN, Stopped if a signal ended training.

    Examples:
        >>> import kindling
        >>> run = kindling.train(
        ...     "potability",
        ...     overrides={"model.hidden": [8], "trainer.enable_progress_bar": False},
        ...     presets=["smoke"],
        ... )
        columns: numbers ph, Hardness, ...
        >>> sorted(run.results["metrics"])
        ['accuracy', 'auroc', 'f1', 'precision', 'recall']
    """
    names = [presets] if isinstance(presets, str) else presets
    configs = [f"--config={name}" for name in (task, *names)]
    root = {} if data is None else {"data.root": Path(data).expanduser().absolute()}
    settings = [*flags({"trainer.devices": 1, **root}), *flags(overrides)]
    with contained():
        done = cli.run(arguments.read(["train", *configs, *settings]), InProcess)
    if not done.folder.is_dir():
        raise UserError("trained, but nothing was kept (trainer.fast_dev_run, barebones)")
    return load(done.folder)
