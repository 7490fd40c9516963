"""Configurations and checkpoints that could run code, or are not what they say."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from kindling.__main__ import main
from kindling.runs import checkpoints
from tests.engine.hard_input.kinds import Refused, state
from tests.engine.toy import QUIET, Refusal, Run

TOUCH = "!!python/object/apply:os.system ['touch {marker}']"
POPEN = "{{class_path: subprocess.Popen, init_args: {{args: [touch, {marker}]}}}}"
ALIASES = "a0: &a0 [1]\n" + "\n".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)
)
PAIR = {"data": "tests.engine.toy.ToyTable", "model": "tests.engine.toy.ToyNet"}
CONFIGS = {
    f"seed_everything: {TOUCH}": "line 1: not plain YAML",
    f"data: {{{{init_args: {{{{root: {TOUCH}}}}}}}}}": "line 1: not plain YAML",
    "model: !!python/name:os.system": "line 1: not plain YAML",
    "model: &m [*m": "not valid YAML",
    ALIASES: "values with its aliases (*) written out",
    "model: {{class_path: os.system}}": "model: no such class",
    "model: {{class_path: ..a.b}}": "..a.b: no such class",
    "model: {{class_path: torch._C.Generator}}": "no such class",
    "model: {{class_path: 5}}": "model=5: no such class; name it with its module",
    "model: {{init_args: [1]}}": "model.init_args holds no settings",
    "trainer: [1]": "trainer holds no settings",
    f"data: {POPEN}": "subprocess.Popen: no such class",
    f"trainer: {{{{callbacks: [{POPEN}]}}}}": "trainer.callbacks",
    f"trainer: {{{{logger: {POPEN}}}}}": "trainer.logger",
    "model: {{class_path: torch.nn.Linear}}": "torch.nn.Linear: no such class",
    "model: {{class_path: tests.engine.toy.ToyConv}}": "model.hidden: no such",
}


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A file as a task's, below which another one can be."""
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump({part: {"class_path": name} for part, name in PAIR.items()}))
    return f"--config={path}"


@pytest.mark.parametrize("text", CONFIGS)
def test_a_config_that_names_what_is_no_part_of_the_project(
    text: str, config: str, tmp_path: Path, refusal: Refusal
) -> None:
    marker, mine = tmp_path / "marker", tmp_path / "mine.yaml"
    mine.write_text(text.format(marker=marker) + "\n")
    assert CONFIGS[text] in refusal("fit", config, f"--config={mine}", "--model.hidden=[4]")
    assert not marker.exists()


DEMO = "lightning.pytorch.demos.boring_classes.Boring"


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ("model", f"{DEMO}Model"),
        ("data", f"{DEMO}DataModule"),
        ("model", f"{DEMO}DataModule"),
        ("data", f"{DEMO}Model"),
        ("data", "subprocess.Popen"),
    ],
)
def test_a_class_of_another_kind_is_refused(part: str, path: str, refusal: Refusal) -> None:
    """The two of Lightning's are sound, and no use to the other one."""
    flags = [f"--{name}={value}" for name, value in {**PAIR, part: path}.items()]
    assert path.rpartition(".")[2] in refusal("fit", *flags)


@pytest.mark.parametrize(
    "flag", ["data.split_seed", "trainer.max_epochs", "data", "model.hidden", "data.root"]
)
def test_a_flag_constructs_nothing(flag: str, tmp_path: Path, refused: Refused) -> None:
    marker = tmp_path / "marker"
    refused(f"--{flag}={TOUCH.format(marker=marker)}")
    assert not marker.exists()


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


Alter = Callable[[dict[str, Any], Path], object]
CODE, OTHER = "could run code", "not a checkpoint that Lightning's Trainer wrote"
CHECKPOINTS: dict[str, tuple[Alter, str]] = {
    "a payload": (lambda c, marker: c.update(more=Payload(marker)), CODE),
    "in the weights": (lambda c, marker: c["state_dict"].update(more=Payload(marker)), CODE),
    "a config that constructs": (
        lambda c, marker: c["kindling"].update(config=f"model: {TOUCH.format(marker=marker)}"),
        OTHER,
    ),
    "no config": (lambda c, marker: c["kindling"].pop("config"), OTHER),
    "no weights": (lambda c, marker: c.pop("state_dict"), OTHER),
    "no progress": (lambda c, marker: c.pop("loops"), OTHER),
    "no origin": (lambda c, marker: c.update(kindling="mine"), OTHER),
}


@pytest.mark.parametrize("fault", CHECKPOINTS)
@pytest.mark.parametrize("command", ["test", "predict", "fit"])
def test_a_checkpoint_that_could_run_code_is_refused(
    fault: str,
    command: str,
    trained: Run,
    own_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Refusal,
) -> None:
    alter, message = CHECKPOINTS[fault]
    marker, path = tmp_path / "marker", tmp_path / "mine.ckpt"
    checkpoint, root = trained.checkpoint("best"), own_folder / "toy"
    alter(checkpoint, marker)
    torch.save(checkpoint, path)
    monkeypatch.chdir(tmp_path)
    source = [f"--data.input={root / 'toy.csv'}"] if command == "predict" else []
    assert message in refusal(command, f"--ckpt_path={path}", f"--data.root={root}", *source)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.ckpt"]


@pytest.mark.parametrize("part", sorted(checkpoints.RESUMED))
def test_weights_alone_are_tested_but_not_gone_on_with(
    part: str, copied: Run, refusal: Refusal
) -> None:
    run, last = copied.folder, copied.folder / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last)
    del checkpoint[part]
    torch.save(checkpoint, last)
    before = state(run)
    error = refusal("fit", f"--run={run}", "--trainer.max_epochs=9")
    assert f"lacks {part}: it can be tested" in error
    assert state(run) == before
    assert main(["test", f"--run={run}", f"--ckpt_path={last}", QUIET]) == 0
