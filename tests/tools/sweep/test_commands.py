"""The command over real runs, the smallest that there are; what is wrong, in one line."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from filelock import FileLock

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths
from kindling.tools.sweep.space import FOLDER, checked, read
from tests.engine.toy import QUIET

TASKS = [task for task in arguments.names(paths.CONFIGS) if (FOLDER / f"{task}.yaml").is_file()]


def space(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text("\n".join(["space:", *(f"  {line}" for line in lines), ""]))
    return path


@pytest.mark.parametrize("task", TASKS)
def test_every_shipped_space_is_one_of_settings_that_there_are(task: str) -> None:
    shipped = read(task)
    assert shipped.path.read_text().startswith("# ")
    fixed = checked(shipped).fixed
    assert not fixed.keys() & shipped.searched.keys()
    assert fixed["checkpoint.monitor"] == "val/loss"


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("line", "flags", "said"),
    [
        ("model.lrr: [1, 2]", [], "model.lrr: no such option; did you mean model.lr?"),
        ("model.schedule: [constant, cosin]", [], "model.schedule=cosin: expected constant or"),
        ("data.batch_size: [8, many]", [], "data.batch_size=many: expected int"),
        ("model.lr: [1, 2]", ["--model.lr=3"], "model.lr: .*space.yaml searches it; leave the"),
        ("model.lr: [1, 2]", ["--data.root=none"], "none: no such folder"),
        ("model.weight_decay: [-2, 3]", [], "model.weight_decay=-2.*: must be 0 or more"),
        ("model.lr: [1, 2]", ["--trials=0"], "trials=0: must be at least 1"),
        ("lr: [1, 2]", [], "lr: no such option"),
        ("model.lr: [1, {b: 2}]", [], "model.lr"),
        ("optimizer: [SGD, Adam]", [], "optimizer: SGD is read as torch.optim.SGD; write it so"),
        ("data.table: [1, 2]", [], "data.table: 1 is read as '1'; write it so"),
        ("trainer.enable_progress_bar: [true, false]", [], "bar: no setting of a run"),
        ("optimizer.lr: [1, 2]", ["--optimizer=SGD", "--model.lr=1"], "model.lr is the default's"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_leaves_nothing(
    line: str, flags: list[str], said: str, tmp_path: Path, logs: Path, refused: Any
) -> None:
    where = f"--space={space(tmp_path, line)}", f"--logs={logs}"
    assert re.search(said, refused("sweep", "--task=toy", *where, *flags))
    assert not logs.exists()


@pytest.mark.usefixtures("toy")
def test_without_optuna_it_is_said_how_to_get_it(
    refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install -e '.[sweep]'" in refused("sweep", "--task=toy")


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_a_sweep_of_real_runs(tmp_path: Path, logs: Path) -> None:
    searched = space(
        tmp_path,
        "optimizer.lr: {low: 1e-3, high: 1e-1, log: true}",
        "optimizer: [torch.optim.SGD, torch.optim.Adam]",
        "lr_scheduler_config.warmup: [0, 4]",
        "model.hidden: [[8], [8, 4]]",
    )
    given = [
        "sweep",
        "--task=toy",
        f"--space={searched}",
        f"--logs={logs}",
        "--name=x",
        "--config=smoke",
    ]
    assert main([*given, "--trials=2", "--jobs=1"]) == 0
    folder = logs / "toy" / "sweep" / "x"
    first = pd.read_csv(folder / "trials.csv")
    with FileLock(folder / ".lock"):
        assert main([*given, "--trials=3"]) == 2, "another command works on it"
    assert main([*given, "--trials=3", "--jobs=1"]) == 0
    table = pd.read_csv(folder / "trials.csv")
    assert table[:2].equals(first), "what was there is not made again"
    assert set(table["state"]) <= {"COMPLETE", "PRUNED"}
    assert not list(folder.rglob("results*.json")), "the test split is not looked at"
    best = yaml.safe_load((folder / "best.yaml").read_text())
    flags = ["--config=toy", "--config=smoke", f"--config={folder / 'best.yaml'}", QUIET]
    assert main(["fit", *flags, f"--logs={logs}"]) == 0
    run = yaml.safe_load((logs / "toy" / "version_0" / "config.yaml").read_text())
    assert run["model"]["init_args"]["hidden"] == best["model"]["init_args"]["hidden"]
    assert run["optimizer"]["class_path"] == best["optimizer"]["class_path"]
    assert run["optimizer"]["init_args"]["lr"] == best["optimizer"]["init_args"]["lr"]
