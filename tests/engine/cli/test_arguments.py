import shutil
from pathlib import Path

import pytest

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError

TOY = Path(__file__).parents[1] / "toy.yaml"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder."""
    run = tmp_path / "logs" / "toy" / "version_0"
    (run / "checkpoints").mkdir(parents=True)
    shutil.copy(TOY, run / "config.yaml")
    for name in ("best", "last"):
        (run / "checkpoints" / f"{name}.ckpt").touch()
    return run


def test_configs_are_found_by_name_and_flags_count_over_them() -> None:
    typed = ["--model.lr=1", "--trainer.max_epochs", "3", "--model=a", "--config", str(TOY)]
    assert arguments.read(["fit", *typed, "-c=smoke"]).flags == [
        f"--config={TOY}",
        f"--config={paths.PRESETS / 'smoke.yaml'}",
        *("--model=a", "--model.lr=1", "--trainer.max_epochs=3"),
    ]


@pytest.mark.parametrize(
    ("typed", "joined"),
    [
        ("--x 1 --y -2 --z -", ["--x=1", "--y=-2", "--z=-"]),
        ("--print_config --x=1 y", ["--print_config", "--x=1", "y"]),
        ("-h x -c=a -c b", ["--help", "x", "--config=a", "--config=b"]),
        ("--x -c b --y ", ["--x", "--config=b", "--y="]),
    ],
)
def test_a_value_may_stand_behind_its_option(typed: str, joined: list[str]) -> None:
    assert arguments.join_values(typed.split(" ")) == joined


def test_a_run_brings_its_config_below_the_flags_and_a_checkpoint(run: Path) -> None:
    best, last = (run / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    for command, named, folder, checkpoint in (
        ("test", f"--run={run}", run, best),
        ("fit", f"--run={run}", run, last),
        ("test", f"--ckpt_path={best}", run, best),
        ("fit", f"--ckpt_path={best}", None, best),  # makes a run of its own
    ):
        read = arguments.read([command, *named.split("="), "--data.batch_size=5"])
        assert (read.run, read.checkpoint) == (folder, checkpoint)
        assert read.flags == [f"--config={run / 'config.yaml'}", "--data.batch_size=5"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("ft", "ft: no such command; did you mean fit?"),
        ("fit --config=smok", "no such config, task or preset; did you mean"),
        ("fit --config", "--config needs a value"),
        ("test --ckpt_path=nowhere.ckpt", "nowhere.ckpt: no such checkpoint"),
        ("test --run=a --run=b", "--run is given 2 times"),
        ("fit --config=RUN/config.yaml --ckpt_path=last", "needs the run that it belongs to"),
        ("fit --config=RUN/config.yaml --ckpt_path=best", "needs the run that it belongs to"),
        ("fit --run=RUN --ckpt_path=last", "nothing to resume from"),
        ("fit --run=RUN --ckpt_path=best", "nothing to resume from"),
        ("validate --config=RUN/config.yaml", "validate needs a trained model: --run"),
        ("test --config=RUN/config.yaml", "test needs a trained model: --run"),
        ("predict --config=RUN/config.yaml", "predict needs a trained model: --run"),
        ("fit --config=RUN/broken.yaml", "line 1: not valid YAML"),
        ("fit --config=RUN/words.yaml", "holds no settings"),
    ],
)
def test_a_mistake_is_answered_before_torch_is_imported(
    typed: str, message: str, run: Path
) -> None:
    shutil.rmtree(run / "checkpoints")
    (run / "broken.yaml").write_text("model: [")
    (run / "words.yaml").write_text("just words")
    with pytest.raises(UserError) as caught:
        arguments.read(typed.replace("RUN", str(run)).split())
    assert message in str(caught.value)
