"""Configurations and checkpoints that could run code, or are not what they say."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.__main__ import main
from kindling.runs import checkpoints
from tests.engine.hard_input.small import TABLES, Refused, run_of, state, train, write

TOUCH = "!!python/object/apply:os.system ['touch {marker}']"
POPEN = "{{class_path: subprocess.Popen, init_args: {{args: [touch, {marker}]}}}}"
ALIASES = "a0: &a0 [1]\n" + "\n".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)
)
CONFIGS = {
    f"seed_everything: {TOUCH}": "line 1: not plain YAML",
    f"data: {{{{init_args: {{{{root: {TOUCH}}}}}}}}}": "line 1: not plain YAML",
    "model: !!python/name:os.system": "line 1: not plain YAML",
    "model: &m [*m": "not valid YAML",
    ALIASES: "values with its aliases (*) written out",
    "model: {{class_path: os.system}}": "os.system: no such class",
    "model: {{class_path: ..a.b}}": "..a.b: no such class",
    "model: {{class_path: torch._C.Generator}}": "no such class",
    "model: {{class_path: 5}}": "model=5: name the class with its module",
    "model: {{init_args: [1]}}": "model.init_args holds no settings",
    "trainer: [1]": "trainer holds no settings",
    f"data: {POPEN}": "subprocess.Popen: no such class",
    f"trainer: {{{{callbacks: [{POPEN}]}}}}": "trainer.callbacks",
    f"trainer: {{{{logger: {POPEN}}}}}": "trainer.logger",
    "model: {{class_path: torch.nn.Linear}}": "torch.nn.Linear: no such class",
    "model: {{class_path: problems.clouds.model.CloudsModule}}": "model.hidden: no such",
}


@pytest.mark.parametrize("task", ["potability"])
@pytest.mark.parametrize("text", CONFIGS)
def test_a_config_that_names_what_is_no_part_of_the_project(
    task: str, text: str, root: Path, tmp_path: Path, refused: Refused
) -> None:
    marker, config = tmp_path / "marker", tmp_path / "mine.yaml"
    config.write_text(text.format(marker=marker) + "\n")
    assert CONFIGS[text] in refused(task, root, f"--config={config}")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ("model", "lightning.pytorch.demos.boring_classes.BoringModel"),
        ("data", "lightning.pytorch.demos.boring_classes.BoringDataModule"),
        ("model", "lightning.pytorch.demos.boring_classes.BoringDataModule"),
        ("data", "lightning.pytorch.demos.boring_classes.BoringModel"),
        ("data", "subprocess.Popen"),
    ],
)
def test_a_class_of_another_kind_is_refused(
    part: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = {  # the two of Lightning's are sound, and no use to the other one
        "model": "problems.potability.model.PotabilityModule",
        "data": "problems.potability.data.PotabilityDataModule",
    }
    flags = [f"--{name}={value}" for name, value in {**pair, part: path}.items()]
    assert main(["fit", *flags, f"--logs={tmp_path / 'logs'}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert path.rpartition(".")[2] in error
    assert not [p for p in (tmp_path / "logs").rglob("*") if ".tensorboard" not in str(p)]


@pytest.mark.parametrize(
    "flag", ["data.split_seed", "trainer.max_epochs", "data", "model.hidden", "data.root"]
)
@pytest.mark.parametrize("task", ["potability"])
def test_a_flag_constructs_nothing(
    task: str, flag: str, root: Path, tmp_path: Path, refused: Refused
) -> None:
    marker = tmp_path / "marker"
    refused(task, root, f"--{flag}={TOUCH.format(marker=marker)}")
    assert not marker.exists()


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


CHECKPOINTS: dict[str, tuple[Callable[[dict[str, Any], Path], object], str]] = {
    "a payload": (lambda c, marker: c.update(more=Payload(marker)), "could run code"),
    "a payload in the weights": (
        lambda c, marker: c["state_dict"].update(more=Payload(marker)),
        "could run code",
    ),
    "a config that constructs": (
        lambda c, marker: c["kindling"].update(config=f"model: {TOUCH.format(marker=marker)}"),
        "not a checkpoint that Lightning's Trainer wrote",
    ),
    "no config": (
        lambda c, marker: c["kindling"].pop("config"),
        "not a checkpoint that Lightning's Trainer wrote",
    ),
    "no weights": (
        lambda c, marker: c.pop("state_dict"),
        "not a checkpoint that Lightning's Trainer wrote",
    ),
    "no progress": (
        lambda c, marker: c.pop("loops"),
        "not a checkpoint that Lightning's Trainer wrote",
    ),
    "no origin": (
        lambda c, marker: c.update(kindling="mine"),
        "not a checkpoint that Lightning's Trainer wrote",
    ),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a run beside ``logs``."""
    root = write("potability", tmp_path_factory.mktemp("trained") / "data" / "set")
    assert train("potability", root) == 0
    return root


@pytest.mark.parametrize("fault", CHECKPOINTS)
@pytest.mark.parametrize("command", ["test", "predict", "fit"])
def test_a_checkpoint_that_could_run_code_is_refused(
    fault: str,
    command: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alter, message = CHECKPOINTS[fault]
    marker, path = tmp_path / "marker", tmp_path / "mine.ckpt"
    checkpoint = torch.load(run_of("potability", trained) / "checkpoints" / "best.ckpt")
    alter(checkpoint, marker)
    torch.save(checkpoint, path)
    monkeypatch.chdir(tmp_path)
    source = [f"--data.input={trained / TABLES['potability']}"] if command == "predict" else []
    assert main([command, f"--ckpt_path={path}", f"--data.root={trained}", *source]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.ckpt"]


@pytest.mark.parametrize("part", sorted(checkpoints.RESUMED))
def test_weights_alone_are_tested_but_not_gone_on_with(
    part: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_of("potability", trained), run)
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt")
    del checkpoint[part]
    torch.save(checkpoint, run / "checkpoints" / "last.ckpt")
    before = state(run)
    assert main(["fit", f"--run={run}", "--trainer.max_epochs=9"]) == 2
    assert f"lacks {part}: it can be tested" in capsys.readouterr().err
    assert state(run) == before
    assert main(["test", f"--run={run}", f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}"]) == 0
