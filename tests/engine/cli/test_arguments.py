import shutil
from pathlib import Path

import pytest

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError

TOY = Path(__file__).parents[1] / "toy.yaml"


def run_folder(tmp_path: Path, *checkpoints: str) -> Path:
    run = tmp_path / "logs" / "toy" / "version_0"
    (run / "checkpoints").mkdir(parents=True)
    shutil.copy(TOY, run / "config.yaml")
    for name in checkpoints:
        (run / "checkpoints" / name).touch()
    return run


def test_configs_are_found_by_name() -> None:
    flags = arguments.read(["fit", "--config", str(TOY), "-c=smoke", "--model.lr=1"]).flags
    assert flags == [
        f"--config={TOY}",
        f"--config={paths.PRESETS / 'smoke.yaml'}",
        "--model.lr=1",
    ]


def test_a_flag_counts_over_a_config_that_stands_behind_it() -> None:
    flags = arguments.read(["fit", "--trainer.max_epochs", "3", "-c", "smoke"]).flags
    assert flags == [f"--config={paths.PRESETS / 'smoke.yaml'}", "--trainer.max_epochs=3"]


@pytest.mark.parametrize(
    ("typed", "joined"),
    [
        (["--x", "1", "--y", "-2", "--z", "-"], ["--x=1", "--y=-2", "--z=-"]),
        (["--print_config", "--x=1", "y"], ["--print_config", "--x=1", "y"]),
        (["-h", "x", "-c=a", "-c", "b"], ["--help", "x", "--config=a", "--config=b"]),
        (["--x", "-c", "b", "--y", ""], ["--x", "--config=b", "--y="]),
    ],
)
def test_a_value_may_stand_behind_its_option(typed: list[str], joined: list[str]) -> None:
    assert arguments.join_values(typed) == joined


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_nothing_is_scored_without_a_checkpoint(command: str) -> None:
    with pytest.raises(UserError, match=f"{command} needs a trained model: --run"):
        arguments.read([command, f"--config={TOY}"])


def test_a_run_brings_its_config_below_the_flags_and_its_best_checkpoint(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "best.ckpt", "last.ckpt")
    read = arguments.read(["test", "--run", str(run), "--data.batch_size=5"])
    assert read.run == run
    assert read.checkpoint == run / "checkpoints" / "best.ckpt"
    assert read.flags == [f"--config={run / 'config.yaml'}", "--data.batch_size=5"]


def test_fit_goes_on_from_the_last_checkpoint_in_the_same_run(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "best.ckpt", "last.ckpt")
    read = arguments.read(["fit", "--run", str(run)])
    assert (read.run, read.checkpoint) == (run, run / "checkpoints" / "last.ckpt")


def test_a_checkpoint_brings_the_config_of_the_run_that_it_lies_in(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "best.ckpt")
    checkpoint = run / "checkpoints" / "best.ckpt"
    scored = arguments.read(["test", "--ckpt_path", str(checkpoint)])
    assert scored.run == run
    fitted = arguments.read(["fit", f"--ckpt_path={checkpoint}", "--model.lr=0.5"])
    assert fitted.run is None, "training from a checkpoint makes a run of its own"
    assert fitted.flags == [f"--config={run / 'config.yaml'}", "--model.lr=0.5"]


@pytest.mark.parametrize("name", ["last", "best"])
def test_resuming_nothing_fails(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="needs the run that it belongs to"):
        arguments.read(["fit", f"--config={TOY}", f"--ckpt_path={name}"])
    with pytest.raises(UserError, match="nothing to go on from"):
        arguments.read(["fit", "--run", str(run_folder(tmp_path)), f"--ckpt_path={name}"])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["ft"], "ft: no such command; did you mean fit?"),
        (["fit", "--config=smok"], "no such config, task or preset; did you mean"),
        (["fit", "--config"], "--config needs a value"),
        (["test", "--ckpt_path=nowhere.ckpt"], "nowhere.ckpt: no such checkpoint"),
        (["test", "--run=a", "--run=b"], "--run is given 2 times"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_before_torch_is_imported(flags: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        arguments.read(flags)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("model: [", "line 1: not valid YAML"), ("just words", "holds no settings")],
)
def test_a_config_that_is_none_is_named(tmp_path: Path, text: str, message: str) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(text)
    with pytest.raises(UserError, match=message):
        arguments.read(["fit", f"--config={config}"])
