"""The promises that every problem keeps, as tests for its own tests to inherit."""

import importlib
import inspect
import json
import shutil
import signal
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn

from kindling.__main__ import main
from kindling.data import paths
from kindling.data.datamodule import STAGES, DataModule, Stage
from kindling.testing.harm import change_held_out, each_table, remove_columns
from kindling.training.module import Module


class Fault(NamedTuple):
    """What the error says about damaged files or wrong settings."""

    message: str
    harm: Callable[[Path], object] = lambda root: None
    data: Mapping[str, Any] = {}
    model: Mapping[str, Any] = {}


NOTHING = Fault("")
SHORT: dict[str, Any] = {"max_epochs": 2, "limit_train_batches": 2, "limit_val_batches": 2}
"""The Trainer's settings for a run whose scores do not matter."""


class StopAt(Callback):
    """Stops a run before a step as Ctrl-C does, but not the run that resumes it."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == self.step and trainer.ckpt_path is None:
            signal.raise_signal(signal.SIGINT)


class ProblemContract:
    """Tests of the data module and the module that ``configs/<task>.yaml`` names.

    Attributes:
        task: The problem.
        data: Settings of the data module that make the tests quick.
        model: Settings of the module that make the tests quick.
        trainer: The Trainer's settings for the run that has to beat its baseline.
        beats: Scores that have to be better than the baseline's; if empty, all.
        by_time: Whether the test split comes after the others in time.
        input: What to predict, in the data's folder; None is its table or series, else the folder.
        overfit: Fraction that the loss of a single batch has to fall to.
        overfit_lr: Learning rate of that test.
    """

    task: ClassVar[str]
    data: ClassVar[Mapping[str, Any]] = {}
    model: ClassVar[Mapping[str, Any]] = {}
    trainer: ClassVar[Mapping[str, Any]] = {"max_epochs": 3}
    beats: ClassVar[Sequence[str]] = ()
    by_time: ClassVar[bool] = False
    input: ClassVar[str | None] = None
    overfit: ClassVar[float] = 0.1
    overfit_lr: ClassVar[float] = 1e-2

    # What a problem may override.

    @classmethod
    def write(cls, folder: Path) -> Path | None:
        """Write small files for the tests and return their folder; None uses the sample."""
        return None

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        """Faults that are refused, by the test's name; a problem adds its own."""
        return {
            "no folder": Fault("no such folder", shutil.rmtree),
            "no table": Fault("CSV file", lambda root: each_table(root, Path.unlink)),
            "no target": Fault(
                "column",
                lambda root: remove_columns(root, [*cls.read(root).target_names.values()]),
            ),
        }

    change_held_out: ClassVar[Callable[[DataModule], object]] = staticmethod(change_held_out)
    """Changes only samples of validation and test in the files."""

    # Shared by the tests.

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "fault" in metafunc.fixturenames:
            metafunc.parametrize("fault", [*self.faults().values()], ids=[*self.faults()])

    @pytest.fixture(scope="class")
    @classmethod
    def root(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return cls.read(cls.write(tmp_path_factory.mktemp(cls.task) / "set")).root

    @pytest.fixture(scope="class")
    @classmethod
    def samples(cls, root: Path) -> DataModule:
        return cls.read(root)

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The folder of a run that was trained and tested."""
        logs = tmp_path_factory.mktemp("trained") / "logs"
        assert cls.run("train", root, logs, **cls.trainer) == 0
        return logs / cls.task / "version_0"

    @classmethod
    def config(cls, part: str) -> tuple[Any, dict[str, Any]]:
        """A class of ``configs/<task>.yaml``, and its settings."""
        content = yaml.safe_load((paths.CONFIGS / f"{cls.task}.yaml").read_text())[part]
        module, _, name = content["class_path"].rpartition(".")
        settings = content.get("init_args", {}) | getattr(cls, part)
        return getattr(importlib.import_module(module), name), settings

    @classmethod
    def read(cls, root: Path | None) -> DataModule:
        """The data module, with its splits."""
        kind, settings = cls.config("data")
        data: DataModule = kind(**{**settings, "root": root})
        data.prepare_data()
        data.setup("fit")
        return data

    @classmethod
    def make(cls, data: DataModule, fit: bool = True) -> Module:
        """The module, as the command line links it to the data."""
        torch.manual_seed(0)
        kind, settings = cls.config("model")
        names = [n for n in inspect.signature(kind).parameters if hasattr(data, n)]
        linked = {n: getattr(data, n) for n in names if not hasattr(LightningDataModule, n)}
        model: Module = kind(**settings, **linked)
        if fit:
            model.fit_statistics(data.training)
        return model

    def learned_from(self, data: DataModule) -> dict[str, Tensor]:
        """The training samples, and the statistics that the module took from them."""
        return {**whole(data, "train")._asdict(), **dict(self.make(data).named_buffers())}

    @classmethod
    def run(
        cls, command: str, root: Path, logs: Path, given: Fault = NOTHING, **trainer: Any
    ) -> int:
        """Run a command in this process with a file of settings and return its exit status."""
        settings: dict[str, Any] = {
            "logs": str(logs),
            "trainer": {"enable_progress_bar": False, "accelerator": "cpu", **trainer},
            "data": {"init_args": {**cls.data, "root": str(root), **given.data}},
            "model": {"init_args": {**cls.model, **given.model}},
        }
        path = logs.with_suffix(".yaml")
        path.write_text(yaml.safe_dump(settings))
        return main([command, f"--config={cls.task}", f"--config={path}"])

    # The tests.

    def test_batches_and_heads_have_their_shapes(self, samples: DataModule) -> None:
        batch = next(iter(samples.train_dataloader()))
        size = len(batch.indices)
        assert all(len(values) == size for values in batch)
        model = self.make(samples).eval()
        step = model.step(batch)
        assert step.loss.shape == ()
        assert step.predictions.keys() == step.targets.keys() == model.heads.keys()
        assert all(len(target) == size for target in step.targets.values())
        for heads in (step.predictions, model.predict(batch), *model.baselines(batch).values()):
            for name, value in heads.items():
                classes, levels = len(model.heads[name].classes), len(model.heads[name].quantiles)
                several = levels or (classes if classes > 2 else 0)
                shape = tuple(step.targets[name].shape)
                shape = shape[:1] if model.heads[name].multilabel else shape
                assert value.shape == ((*shape, several) if several else shape)

    def test_every_parameter_gets_a_finite_gradient(self, samples: DataModule) -> None:
        model = self.make(samples)
        model.step(some(samples)).loss.backward()  # type: ignore[no-untyped-call]
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_a_single_batch_is_overfitted(self, samples: DataModule) -> None:
        model, batch = self.make(samples), some(samples)
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        optimizer = torch.optim.Adam(model.parameters(), self.overfit_lr)
        enough = self.overfit * model.step(batch).loss.item()
        for _ in range(200):
            optimizer.zero_grad()
            loss = model.step(batch).loss
            if loss < enough:
                return
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        pytest.fail(f"the loss is {loss.item():g} and had to fall below {enough:g}")

    def test_saved_weights_predict_the_same(self, samples: DataModule, tmp_path: Path) -> None:
        model, batch = self.make(samples).eval(), some(samples)
        torch.save(model.state_dict(), tmp_path / "weights.pt")
        other = self.make(samples, fit=False).eval()
        for parameter in other.parameters():
            nn.init.zeros_(parameter)
        other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        assert_equal(model.predict(batch), other.predict(batch))

    def test_no_sample_is_in_two_splits(self, samples: DataModule) -> None:
        home: dict[Any, str] = {}
        for split in STAGES:
            batch = whole(samples, split)
            photos = [v.flatten(0, -4) for v in batch if v.dtype == torch.uint8]
            contents = [photo.numpy().tobytes() for several in photos for photo in several]
            columns = samples.describe(split, batch.indices).values()
            assert columns, "nothing identifies a sample"
            for sample in {*zip(*columns, strict=True), *contents}:
                assert home.setdefault(sample, split) == split
        if self.by_time:
            times = {split: [t for t, home_ in home.items() if home_ == split] for split in STAGES}
            assert min(times["test"]) > max(times["train"] + times["val"])

    def test_statistics_are_of_the_training_split_alone(self, root: Path, tmp_path: Path) -> None:
        copy = shutil.copytree(root, tmp_path / "set")
        data = self.read(copy)
        before = self.learned_from(data)
        type(self).change_held_out(data)
        other = self.read(copy)
        with pytest.raises(AssertionError):  # or nothing was changed
            assert_equal(*(whole(changed, "test")._asdict() for changed in (data, other)))
        assert_equal(before, self.learned_from(other))

    def test_a_run_beats_its_baseline(self, trained: Path) -> None:
        skill = json.loads((trained / "results.json").read_text())["skill"]
        for name in self.beats or skill:
            assert skill[name] > 0, name

    def test_a_checkpoint_alone_predicts_what_was_tested(
        self, samples: DataModule, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Away from the run and the training files, and without targets."""
        copy, sources = shutil.copytree(samples.root, tmp_path / "set"), samples.sources()
        files = [table.path for table in sources.tables]
        files += [series.path for series in sources.series]
        given = files[-1].relative_to(samples.root) if files and self.input is None else self.input
        if sources.tables:
            remove_columns(copy, samples.target_names.values())
        shutil.copy(trained / "checkpoints" / "best.ckpt", tmp_path)
        monkeypatch.chdir(tmp_path)
        flags = [f"--data.input={copy / (given or '')}", "--data.root=/gone"]
        quiet = "--trainer.enable_progress_bar=false"
        assert main(["predict", "--ckpt_path=best.ckpt", "--trust", *flags, quiet]) == 0
        [path] = tmp_path.glob("predictions/*.csv")
        tested, found = pd.read_csv(trained / "predictions.csv"), pd.read_csv(path)
        values = ("prediction", "probability")
        keys = [name for name in map(str, found) if not name.startswith(values)]
        again = tested[keys].merge(found, on=keys, how="left")
        pd.testing.assert_frame_equal(tested[list(found)], again, check_dtype=False, rtol=1e-3)

    def test_a_stopped_run_resumes_bit_for_bit(self, root: Path, tmp_path: Path) -> None:
        stop = {"class_path": f"{__name__}.StopAt", "init_args": {"step": 3}}
        assert self.run("fit", root, tmp_path / "logs", **SHORT) == 0
        assert self.run("fit", root, tmp_path / "logs", **SHORT, callbacks=[stop]) == 130
        runs = [tmp_path / "logs" / self.task / f"version_{number}" for number in range(2)]
        assert main(["fit", f"--run={runs[1]}"]) == 0
        last = [torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in runs]
        assert_equal(*(checkpoint["state_dict"] for checkpoint in last))
        assert len({(run / "metrics.csv").read_text() for run in runs}) == 1

    @pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed"])
    def test_half_precision_trains(
        self, precision: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        short = {**SHORT, "max_epochs": 1, "precision": precision}
        status = self.run("fit", root, tmp_path / "logs", **short)
        if "this processor lacks" in (error := capsys.readouterr().err):
            pytest.skip(error)
        assert status == 0

    def test_a_backbone_is_unfrozen_at_its_epoch(
        self, samples: DataModule, root: Path, tmp_path: Path
    ) -> None:
        if not hasattr(model := self.make(samples), "backbone"):
            pytest.skip(f"{type(model).__name__} has no backbone")
        thaw: dict[str, Any] = {"class_path": "lightning.pytorch.callbacks.BackboneFinetuning"}
        thaw["init_args"] = {"unfreeze_backbone_at_epoch": 1, "train_bn": False}
        assert self.run("fit", root, tmp_path / "logs", **SHORT, callbacks=[thaw]) == 0
        [path] = tmp_path.glob("logs/*/version_0/checkpoints/last.ckpt")
        [optimizer] = torch.load(path, weights_only=True)["optimizer_states"]
        assert len(optimizer["param_groups"]) == 2

    def test_a_fault_is_one_line_and_leaves_no_run(
        self, fault: Fault, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        copy = shutil.copytree(root, tmp_path / "set")
        fault.harm(copy)
        assert self.run("fit", copy, tmp_path / "logs", fault) == 2
        error = capsys.readouterr().err
        assert fault.message in error
        assert error.count("\n") == 1
        assert not list(tmp_path.glob("logs/*/version_*"))

    def test_an_exported_program_predicts_the_same(self, samples: DataModule) -> None:
        model, batch = self.make(samples).eval(), some(samples)
        names = list(inspect.signature(model.forward).parameters)
        if not set(names) <= set(batch._fields):
            pytest.skip(f"{type(model).__name__}.forward takes more than fields of a batch")
        inputs = {name: getattr(batch, name) for name in names}
        sizes = {name: {0: torch.export.Dim("batch", min=1)} for name in names}
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            program = torch.export.export(model, (), inputs, dynamic_shapes=sizes).module()
            for size in (1, len(batch.indices)):
                part = {name: value[:size] for name, value in inputs.items()}
                torch.testing.assert_close(program(**part), model(**part), equal_nan=True)


def whole(data: DataModule, split: Stage) -> Any:
    """All samples of a split, as one batch."""
    dataset: Any = data.splits[split]
    return dataset[torch.arange(len(dataset))]


def some(data: DataModule) -> Any:
    """A batch of training samples."""
    return data.training[torch.arange(min(16, len(data.training)))]


def assert_equal(tensors: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> None:
    """Assert that tensors of the same names are equal to the last bit."""
    torch.testing.assert_close(dict(tensors), dict(others), rtol=0, atol=0, equal_nan=True)
