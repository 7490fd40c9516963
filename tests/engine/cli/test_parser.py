"""What flags and configs mean together: which class, whose arguments, and what wins."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kindling.__main__ import main
from kindling.data import paths
from tests.engine.toy import QUIET, TASK, Refusal

Printed = Callable[..., dict[str, Any]]
BORING = "lightning.pytorch.demos.boring_classes"
OWN = """
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.demos.boring_classes import BoringDataModule, BoringModel
from tests.engine.toy import ToyNet, ToyTable


class Keyword(ToyNet):
    def __init__(self, *, extra: int = 3, **kwargs):
        super().__init__(**kwargs)


class Hooked(Keyword):
    def on_train_start(self):
        super().on_train_start()
        print("hooked")


class Wide(ToyTable):
    @property
    def features(self) -> int:
        return super().features


class Mine(Callback):
    def on_train_end(self, trainer, module):
        print("mine")


class Sizes(BoringDataModule):
    def __init__(self, width: int = 5) -> None:
        super().__init__()


class Required(BoringModel):
    def __init__(self, depth: int) -> None:
        super().__init__()


class Called(BoringModel):
    def __init__(self, values: int = 1) -> None:
        super().__init__()


class Explodes(LightningModule):
    def __init__(self, lr: float = 0.1) -> None:
        raise RuntimeError("what really went wrong")


class Encoder:
    def __init__(self, width: int = 1, depth: int = 1) -> None: ...


class Other:
    def __init__(self, width: int = 2) -> None: ...


class Nested(BoringModel):
    def __init__(self, encoder: Encoder | Other | None = None) -> None:
        super().__init__()
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with classes of one's own, and one module that cannot be imported."""
    (tmp_path / "own_parsing.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("import nowhere_to_be_found")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The settings that flags come to."""

    def run(*flags: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main(["fit", *flags, "--print_config"]) == 0
        content: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
        return content

    return run


@pytest.fixture
def said(refusal: Refusal) -> Refusal:
    """The one line in which flags are refused."""
    return lambda *flags: refusal("fit", *flags).removeprefix("kindling: ")


# What is wrong.


MONITOR = "lightning.pytorch.callbacks.LearningRateMonitor"
HIDDEN = "model.hiden: no such option; did you mean model.hidden?"
COMPUTED = "model.features is computed from the data (data.features); leave it out"
MAX_EPOCHS = "trainer.max_epoch: no such option; did you mean trainer.max_epochs?"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--model.hiden=3", HIDDEN),
        ("--model.init_args.hiden=3", HIDDEN),
        ('--model={"init_args":{"hiden":3}}', HIDDEN),
        ("--data.batch_siz 3", "data.batch_siz: no such option; did you mean data.batch_size?"),
        ("--model.schedul=cosine", "model.schedul: no such option; did you mean model.schedule?"),
        ("--model.schedule cosin", "model.schedule=cosin: expected constant or cosine"),
        ("--data.batch_size", "--data.batch_size needs a value: --data.batch_size=VALUE"),
        ("--data.batch_size=many", "data.batch_size=many: expected int"),
        ("--trainer.max_epoch=3", MAX_EPOCHS),
        ("--seed_everythin=3", "seed_everythin: no such option; did you mean seed_everything?"),
        ("toy", "toy: not an option; options begin with two dashes"),
        ("model.hidden=3", "model.hidden=3: not an option; did you mean --model.hidden=3?"),
        ("--hidden=3", "hidden: no such option; did you mean model.hidden?"),
        ("--epochs=3", "did you mean trainer.max_epochs or trainer.min_epochs?"),
        ("--nothing=3", "a task's options are listed by: kindling train --config TASK --help"),
        ("--optimizer=Adamm", "optimizer=Adamm: no such class; did you mean Adam?"),
        ("--optimizer=Mine", "optimizer=Mine: no such class; name it with its module"),
        (
            "--optimizer=SGD --optimizer.betas=1",
            "betas: no such option; a task's options",
        ),
        ("--monitor=x", "did you mean checkpoint.monitor or early_stopping.monitor?"),
        ("--optimizer=SGD --optimizer.lr=fast", "optimizer.lr=fast: expected float or null"),
        ("--data=/", "data=/: data is a class; the data's folder is data.root: --data.root=/"),
        ("--model=/", "model=/: no such class; name it with its module"),
        ("--model=ToyNett", "model=ToyNett: no such class; did you mean ToyNet?"),
        ("--help=yes", "--help=yes: write --help, or --help=all for every option"),
        ("--model=Nope", "model=Nope: no such class; name it with its module"),
        ("--model=no.such.Nope", "model=no.such.Nope: no such class; ModuleNotFoundError: No"),
        ("--model=own_parsing.Nope", "model=own_parsing.Nope: no such class; AttributeError"),
        ("--model=own_broken.Nope", "No module named 'nowhere_to_be_found'"),
        (
            "--model=own_parsing.Mine",
            "model=own_parsing.Mine: no such class; it is not a LightningModule",
        ),
        ("--data=os.system", "data: no such class; Import path"),
        ("--trainer.callbacks+=own_parsing.Nope", "trainer.callbacks=own_parsing.Nope: no such"),
        ("--trainer.callbacks+=Nope", "trainer.callbacks=Nope: no such class; name it"),
        ("--trainer.logger=subprocess.Popen", "trainer.logger=subprocess.Popen: no such class"),
        (
            f"--trainer.callbacks+={MONITOR} --trainer.callbacks.log_momentum=x",
            "trainer.callbacks.log_momentum=x: expected bool",
        ),
        ("--model.features=3", COMPUTED),
        ("--model.init_args.features=3", COMPUTED),
        ("--model.features=3 --data=own_parsing.Wide", COMPUTED),
        ("--trainer=[1]", "trainer holds no settings"),
        ("--model=own_parsing.Required", "model.depth is required: --model.depth=VALUE"),
        ("--trainer.max_epochs=x", "trainer.max_epochs=x: expected int or null"),
        ("--trainer.callbacks=[{'class_path':5}]", "trainer.callbacks"),
        ("--conf=smoke", "conf: no such option; did you mean config?"),
        ("--optimiser=SGD", "optimiser: no such option; did you mean optimizer?"),
        ("--model=own_parsing.Called --model.values=3 --model=own_parsing.Nested", "model.values"),
    ],
)
def test_is_said_in_one_line(flags: str, message: str, said: Refusal) -> None:
    assert message in said(TASK, *flags.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {features: 3}", COMPUTED),
        ("model: {init_args: {features: 3}}", COMPUTED),
        ("model: {init_args: {hiden: 3}}", f"mine.yaml: {HIDDEN}"),
        ("modl: {lr: 1}", "mine.yaml: modl.lr: no such option; did you mean model.lr?"),
        ("trainer: {max_epoch: 3}", f"mine.yaml: {MAX_EPOCHS}"),
    ],
)
def test_is_said_of_a_config_too(text: str, message: str, said: Refusal) -> None:
    Path("mine.yaml").write_text(text)
    assert message in said(TASK, "--config=mine.yaml")


def test_an_error_in_a_class_keeps_its_message() -> None:
    with pytest.raises(RuntimeError, match="what really went wrong"):
        main(["fit", "--model=own_parsing.Explodes", f"--data={BORING}.BoringDataModule"])


def test_without_a_task_it_is_asked_for(said: Refusal) -> None:
    assert said("--trainer.max_epochs=3").startswith("what to train? name a task")


# What wins.


def test_a_flag_wins_over_a_config_that_stands_behind_it(printed: Printed) -> None:
    config = printed("--trainer.max_epochs", "-1", "--model.schedule", "cosine", TASK)
    assert config["trainer"]["max_epochs"] == -1
    assert config["model"]["init_args"]["schedule"] == "cosine"


def test_a_class_as_json(printed: Printed) -> None:
    part = {"class_path": "own_parsing.Keyword", "init_args": {"extra": 4, "schedule": "cosine"}}
    model = printed(TASK, f"--model={json.dumps(part)}")["model"]
    assert model["class_path"] == "own_parsing.Keyword"
    assert (model["init_args"]["extra"], model["init_args"]["schedule"]) == (4, "cosine")


def test_classes_by_their_short_names(printed: Printed) -> None:
    config = printed(TASK, "--model=own_parsing.Hooked", "--model=Keyword")
    assert config["model"]["class_path"] == "own_parsing.Keyword"
    callbacks = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"]
    stopping, timer = printed(TASK, *callbacks, "--trainer.callbacks+=Timer")["trainer"][
        "callbacks"
    ]
    assert stopping["class_path"].startswith("lightning.pytorch.callbacks.")
    assert timer["init_args"]["interval"] == "step", "an enum"


def test_a_class_that_comes_back_takes_nothing_of_before_it_was_away(printed: Printed) -> None:
    base = "tests.engine.toy.ToyNet"
    for name, model in (("away", f"{BORING}.BoringModel"), ("back", base)):
        Path(f"{name}.yaml").write_text(yaml.safe_dump({"model": {"class_path": model}}))
    Path("wide.yaml").write_text("model: {init_args: {dropout: 0.5}}")
    flags = ["--config=away.yaml", "--config=back.yaml", "--config=wide.yaml"]
    model = printed(TASK, *flags, "--model=own_parsing.Keyword")["model"]
    assert model["class_path"] == "own_parsing.Keyword"
    assert (model["init_args"]["dropout"], model["init_args"]["extra"]) == (0.5, 3)
    assert printed(TASK, *flags[:2])["model"]["init_args"]["lr"] == 1e-3


def test_a_class_by_another_name_keeps_its_settings(printed: Printed) -> None:
    full = "tests.engine.toy.ToyNet"
    for name in (full, "ToyNet"):
        model = printed(TASK, f"--model={name}", "--model.schedule=cosine")["model"]
        assert model["class_path"] == full
        assert (model["init_args"]["hidden"], model["init_args"]["schedule"]) == ([6], "cosine")


def test_a_subclass_goes_on_with_the_settings_that_it_inherits(printed: Printed) -> None:
    model = printed(TASK, "--model=own_parsing.Hooked")["model"]
    assert (model["init_args"]["hidden"], model["init_args"]["lr"]) == ([6], 8e-3)


@pytest.mark.parametrize("by", ["flag", "config"])
def test_another_class_takes_nothing_of_the_one_before_it(by: str, printed: Printed) -> None:
    Path("below.yaml").write_text(yaml.safe_dump({
        "model": {"class_path": "own_parsing.Nested", "init_args": {"encoder": {
            "class_path": "own_parsing.Encoder", "init_args": {"width": 9, "depth": 9}}}},
        "data": {"class_path": "own_parsing.Sizes", "init_args": {"width": 9}},
        "trainer": {
            "logger": {"class_path": "CSVLogger", "init_args": {"save_dir": "x", "name": "old"}},
            "callbacks": [{"class_path": "OnExceptionCheckpoint", "init_args": {"dirpath": "old"}}],
        },
    }))  # fmt: skip
    monitored = {"class_path": "ModelCheckpoint", "init_args": {"monitor": "b"}}
    logger = {"class_path": "TensorBoardLogger", "init_args": {"save_dir": "y"}}
    Path("above.yaml").write_text(yaml.safe_dump({
        "model": {"init_args": {"encoder": "own_parsing.Other"}},
        "data": "tests.engine.toy.ToyTable",
        "trainer": {"logger": logger, "callbacks": [monitored]},
    }))  # fmt: skip
    flags = [
        "--model.encoder=own_parsing.Other",
        "--data=tests.engine.toy.ToyTable",
        f"--trainer.logger={json.dumps(logger)}",
        f"--trainer.callbacks=[{json.dumps(monitored)}]",
    ]
    config = printed("--config=below.yaml", *(flags if by == "flag" else ["--config=above.yaml"]))
    assert config["model"]["init_args"]["encoder"]["init_args"] == {"width": 2}
    assert "width" not in config["data"]["init_args"]
    assert config["trainer"]["logger"]["init_args"]["name"] == "lightning_logs"
    assert config["trainer"]["callbacks"][0]["init_args"]["dirpath"] is None


def test_callbacks_are_added_and_the_folder_s_own_are_found(
    kindling: Callable[..., int], logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ModelSummary", "LearningRateMonitor"):
        Path(f"{name}.yaml").write_text(f"trainer: {{callbacks+: [{{class_path: {name}}}]}}")
    flags = [TASK, "--config=smoke", "--trainer.callbacks+=own_parsing.Mine"]
    more = ["--config=ModelSummary.yaml", "--config=LearningRateMonitor.yaml"]
    assert kindling("fit", *flags, *more) == 0
    assert "mine\n" in capsys.readouterr().out
    saved = yaml.safe_load((logs / "toy" / "version_0" / "config.yaml").read_text())
    paths = [callback["class_path"] for callback in saved["trainer"]["callbacks"]]
    assert [path.rpartition(".")[2] for path in paths] == [
        "ModelSummary",
        "LearningRateMonitor",
        "Mine",
    ]


# Whose arguments.


def test_a_setting_may_be_called_as_a_method_of_dictionaries_is(printed: Printed) -> None:
    pair = ["--model=own_parsing.Called", "--data=own_parsing.Sizes", "--model.values=3"]
    assert printed(*pair)["model"]["init_args"] == {"values": 3}


def test_keyword_arguments_are_inherited(printed: Printed) -> None:
    flags = ["--model=own_parsing.Keyword", "--model.extra=5", "--model.schedule=cosine"]
    init = printed(TASK, *flags)["model"]["init_args"]
    assert (init["extra"], init["schedule"], init["batch_norm"]) == (5, "cosine", False)
    assert "features" not in init


def test_a_subclass_trains_and_then_tests_predicts_and_goes_on(
    kindling: Callable[..., int], logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [TASK, "--config=smoke", "--model=own_parsing.Hooked"]
    assert kindling("train", *flags, "--data=own_parsing.Wide", "--model.hidden=[8]") == 0
    assert "hooked" in capsys.readouterr().out
    run = logs / "toy" / "version_0"
    table = paths.SAMPLES / "toy" / "toy.csv"
    predicts, goes_on = f"--data.input={table}", "--trainer.max_epochs=3"
    for command in ("test", "validate", f"predict {predicts}", f"fit {goes_on}"):
        assert main([*command.split(), f"--run={run}", QUIET]) == 0
