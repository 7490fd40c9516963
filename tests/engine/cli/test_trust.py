"""What a checkpoint from elsewhere can make run: its model on its data, and nothing beside."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.profilers import PassThroughProfiler

from kindling.__main__ import main
from tests.engine import toy
from tests.engine.toy import QUIET, Refusal, Run


class Leaves:
    """Leaves a mark where it is made."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        Path(mark).touch()


class SpyCallback(Leaves, Callback): ...


class SpyProfiler(Leaves, PassThroughProfiler): ...


class SpyPlugin(Leaves, TorchCheckpointIO): ...


class SpyLogger(CSVLogger):
    def __init__(self, mark: str) -> None:
        super().__init__(str(Path(mark).parent))
        Path(mark).touch()


class Layered(toy.ToyNet):
    """With arguments that name classes and functions."""

    def __init__(
        self,
        layer: torch.nn.Module | None = None,
        scale: Callable[[Any], Any] | None = None,
        text: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)


@pytest.fixture
def elsewhere(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A checkpoint in no run, whose configuration is altered, of classes of the project."""
    monkeypatch.setattr(toy, "Layered", Layered, raising=False)
    monkeypatch.setitem(sys.modules, "problems.toy", toy)
    monkeypatch.chdir(tmp_path)

    def write(alter: Callable[[dict[str, Any]], object]) -> Path:
        content = trained.checkpoint("best")
        config = yaml.safe_load(content["kindling"]["config"])
        for part in ("model", "data"):
            name = config[part]["class_path"].rpartition(".")[2]
            config[part]["class_path"] = f"problems.toy.{name}"
        alter(config)
        content["kindling"]["config"] = yaml.safe_dump(config)
        torch.save(content, tmp_path / "theirs.ckpt")
        return tmp_path / "theirs.ckpt"

    return write


SPIES = {
    "callbacks": "SpyCallback",
    "logger": "SpyLogger",
    "profiler": "SpyProfiler",
    "plugins": "SpyPlugin",
}


def test_nothing_beside_model_and_data_is_made_of_it_unless_it_is_trusted(
    elsewhere: Callable[..., Path], tmp_path: Path
) -> None:
    marks = {name: tmp_path / name for name in SPIES}

    def alter(config: dict[str, Any]) -> None:
        for name, spy in SPIES.items():
            made = {"class_path": f"{__name__}.{spy}", "init_args": {"mark": str(marks[name])}}
            several = name in ("callbacks", "plugins")
            config["trainer"][name] = [made] if several else made

    theirs = elsewhere(alter)
    assert main(["test", "--trust=false", f"--ckpt_path={theirs}", QUIET]) == 0
    assert not any(mark.exists() for mark in marks.values())
    assert Run(tmp_path / "theirs-results").scores()
    assert main(["test", "--trust=true", f"--ckpt_path={theirs}", QUIET]) == 0
    assert all(mark.exists() for mark in marks.values())


def named(name: str, **arguments: Any) -> dict[str, Any]:
    return {"class_path": name, "init_args": arguments}


NET, TABLE = "problems.toy.Layered", "problems.toy.ToyTable"


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("model", "antigravity.Net"),
        ("model", named("antigravity.Net")),
        ("model", named(NET, layer="antigravity.Layer")),
        ("model", named(NET, layer=named("antigravity.Layer"))),
        ("model", named(NET, scale="antigravity.fly")),
        ("model", named(NET, scale=named("problems.toy.Scale", by=["antigravity.fly"]))),
        ("data", named("antigravity.Data")),
        ("data", named(TABLE, target=named("antigravity.Target"))),
    ],
)
def test_no_code_of_others_is_imported(
    part: str, settings: Any, elsewhere: Callable[..., Path], refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    theirs = elsewhere(lambda config: config.update({part: settings}))
    said = refusal("predict", f"--ckpt_path={theirs}")
    assert "antigravity" in said
    assert "if you trust the checkpoint: --trust" in said
    assert "antigravity" not in sys.modules


def test_a_text_with_a_dot_is_no_code(elsewhere: Callable[..., Path], tmp_path: Path) -> None:
    def alter(config: dict[str, Any]) -> None:
        config["model"]["class_path"] = "problems.toy.Layered"
        config["model"]["init_args"] |= {"text": "antigravity.csv"}

    assert main(["test", f"--ckpt_path={elsewhere(alter)}", QUIET]) == 0
