"""Every command in the README and the pages that it was parted into runs, on a smaller scale.

What make would run is run here.
"""

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import problems
from kindling.__main__ import main
from kindling.cli import arguments, tools
from kindling.data import paths

PAGES = (
    "README.md",
    "docs/commands.md",
    "docs/scaling.md",
    "docs/loggers.md",
    "docs/lightning.md",
    "docs/training.md",
)
SHOWN = "\n".join((paths.PROJECT / page).read_text() for page in PAGES)
OWN = (paths.PROJECT / "docs" / "own.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", SHOWN, re.DOTALL)
# A command that stands on two pages is one.
COMMANDS = list(dict.fromkeys(line for block in BLOCKS for line in block.splitlines()))
# This is `make test`, CI lints, and nobody wants a test to clean, to open a browser or to download.
ALONE = ("test", "test-all", "test-floor", "lint", "format", "docs", "clean", "tensorboard", "help")
TARGETS_ALONE = re.compile(rf"make ({'|'.join(ALONE)}|data\b.*)$")
TASKS = arguments.names(paths.CONFIGS)
DELETED = {"clouds", "faces", "potability", "prices", "timeseries"} - {*TASKS}
"""Problems that the pages show, and that whoever has the project does not need."""

SMALLER = {"compare": ["--seeds=1"], "crossval": ["--folds=2"], "sweep": ["--trials=1"]}
SLOW = re.compile(
    r"make (compare TASK|crossval|sweep|reproduce)"  # several processes
    r"|.*(TASK=(clouds|faces|prices)|logs/(clouds|faces|prices)|_elu|_trees|Logger)"
    r"|torchrun|.*PRESET=(ddp|fsdp|mlflow|wandb)"
)
"""Commands of processes, photos, packages and presets, which have quick tests of their own."""


@pytest.fixture
def logs(command: str, trained: Callable[[str], Path], tmp_path: Path) -> Path:
    """A command's own: one that resumes a run leaves another than the next command expects."""
    logs = tmp_path / "trained"
    for task in re.findall(r"logs/(\w+)/|make runs TASK=(\w+)", command):
        name = "".join(task)
        if name not in DELETED and not (logs / name).exists():
            shutil.copytree(trained(name), logs / name, symlinks=True)
    logs.mkdir(exist_ok=True)
    return logs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Runs of the tasks that commands go on with, each trained once."""
    logs = tmp_path_factory.mktemp("logs")
    demo = "lightning.pytorch.demos.boring_classes.Boring"

    @functools.cache
    def run(task: str) -> Path:
        pair = [f"--model={demo}Model", f"--data={demo}DataModule"]
        what = pair if task == "boring_model" else [f"--config={task}"]
        assert main(["train", *what, *limits("train"), f"--logs={logs}"]) == 0
        return logs / task

    return run


def limits(command: str) -> list[str]:
    """Flags that make a command quick."""
    stages = {"train": ("train", "val", "test"), "fit": ("train", "val"), "validate": ("val",)}
    limited = [f"--trainer.limit_{s}_batches=2" for s in stages.get(command, (command,))]
    return [*limited, "--trainer.max_epochs=1", "--trainer.enable_progress_bar=false"]


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 15


@pytest.mark.filterwarnings(
    # Of MLflow on SQLAlchemy 2.1, when it is imported.
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)
@pytest.mark.parametrize(
    "command",
    [pytest.param(c, marks=pytest.mark.slow) if SLOW.match(c) else c for c in COMMANDS],
)
def test_command(command: str, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    if any(task in command for task in DELETED):
        pytest.skip("of a problem that was deleted")
    if TARGETS_ALONE.match(command):
        assert f"\n{command.split()[1]}:" in (paths.PROJECT / "Makefile").read_text()
        return
    for program, *args in expanded(command):
        placed = [place(arg, logs, tmp_path) for arg in args]
        if placed[0] == "runs":
            placed.append(f"--logs={logs}")
        RUNNERS[Path(program).name](placed, tmp_path)


def expanded(command: str) -> list[list[str]]:
    """The commands that a line of a page comes down to."""
    if not command.startswith("make "):
        return [shlex.split(command)]
    # Without what a `make test` around this test passes on.
    environment = {"PATH": os.environ["PATH"]}
    make, *words = shlex.split(command)
    lines = subprocess.run(
        [make, "--dry-run", "--old-file=.venv/.installed", *words],
        cwd=paths.PROJECT, env=environment, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [shlex.split(line) for line in lines]


def place(arg: str, logs: Path, tmp_path: Path) -> str:
    """The pages' folders by folders that exist here."""
    if "my/folder" in arg:
        write_my_series(tmp_path / "my")
    for name, folder in (("my/folder", tmp_path / "my"), ("logs/", logs)):
        arg = re.sub(rf"(?<![\w/]){name}", f"{folder}{'/' if name.endswith('/') else ''}", arg)
    # There is real data only where KINDLING_DATA says so; the sample stands in for it here.
    return re.sub(r"--data\.root=data/(\w+)", lambda m: f"--data.root={sample(m[1])}", arg)


def sample(task: str) -> Path:
    assert (paths.SAMPLES / task).is_dir(), "the fixture's run wrote it"
    return paths.SAMPLES / task


def write_my_series(folder: Path) -> None:
    """Another time column, hourly, several value columns of which one is chosen."""
    folder.mkdir(exist_ok=True)
    hours = pd.date_range("2023-01-01", periods=4000, freq="h")
    table = {
        "hour": hours,
        "wind MW": range(4000),
        "load MW": hours.hour * 100.0 + hours.day_of_week,
    }
    pd.DataFrame(table).to_csv(folder / "load.csv", index=False)


def run_kindling(args: list[str], tmp_path: Path) -> None:
    command = next(iter(args), "--help")
    if command in tools.described():
        run_tool(args, tmp_path)
        return
    if not command.startswith("-") and command not in arguments.COMMANDS:
        pytest.skip("of a tool that was deleted")
    if any(arg.startswith("--trainer.devices=") for arg in args):
        run_processes([sys.executable, "-m", "kindling", *args], args[0])
        return
    informs = not args or "--help" in args or "--print_config" in args
    goes_on = any(arg.startswith("--run") for arg in args) and args[0] in ("train", "fit")
    more = ["--trainer.max_epochs=2"] if goes_on else []  # a run of one epoch has one to go
    assert main([*args, *([] if informs else [*limits(args[0]), *more])]) == 0


def run_torchrun(args: list[str], tmp_path: Path) -> None:
    """Both nodes at once; the command of the second is the same but for its rank."""
    second = [arg.replace("rank=0", "rank=1") for arg in args]
    program = [sys.executable, "-m", "torch.distributed.run"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    other = subprocess.Popen([*program, *second, *limits("train")], env=one_thread)
    run_processes([*program, *args], "train")
    assert other.wait(timeout=60) == 0


def run_processes(command: list[str], stage: str) -> None:
    """In processes of their own, since each starts others by its own command line."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *limits(stage)], env=one_thread, check=True)


def run_tool(args: list[str], tmp_path: Path) -> None:
    name, *rest = args
    smaller = SMALLER.get(name, [])
    if "--task" in rest and smaller:
        smaller = [*smaller, "--jobs=1", "--config=smoke", f"--logs={tmp_path / 'logs'}"]
    if "slurm" in rest:  # submitit's stand-in for the cluster
        (here := tmp_path / "slurm.yaml").write_text("cluster: local\ntimeout_min: 20\n")
        smaller.append(f"--slurm={here}")
    args = [arg for arg in args if arg not in ("--address", "auto")]  # Ray is started here
    assert main([*args, *smaller]) == 0


RUNNERS: dict[str, Callable[[list[str], Path], None]] = {
    "kindling": run_kindling,
    "torchrun": run_torchrun,
}


def test_the_problem_of_ones_own_trains_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files that the page shows, put where it says, are a whole problem."""
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", OWN, re.DOTALL)
    for name, content in blocks:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    folder = tmp_path / "src" / "problems"
    (folder / "queue" / "__init__.py").touch()
    monkeypatch.setattr(problems, "__path__", [str(folder)])
    monkeypatch.setattr(paths, "SAMPLES", tmp_path / "sample")
    flags = ["--trainer.enable_progress_bar=false", f"--logs={tmp_path / 'logs'}"]
    assert main(["train", f"--config={tmp_path / 'configs' / 'queue.yaml'}", *flags]) == 0
    assert "training mean" in capsys.readouterr().out
    run = tmp_path / "logs" / "queue" / "version_0"
    results = json.loads((run / "results.json").read_text())
    assert results["skill"]["mae"] > 0.7
    (tmp_path / "new.csv").write_text("people,hour\n10,9\n10,17\n")
    assert (
        main(["predict", "--run", str(run), f"--data.input={tmp_path / 'new.csv'}", flags[0]]) == 0
    )
    text = (run / "predictions" / "new.csv").read_text().splitlines()
    assert [round(float(line.split(",")[1]) / 10) for line in text[1:]] == [2, 3]
