"""A new run from another run's weights: what comes over, what starts afresh, what is frozen."""

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from kindling.__main__ import main
from tests.engine.toy import COLORS, PHOTOS, QUIET, TABLE, Refusal, Run, Train, write_photos

NET = (*TABLE, "--model.hidden=[16,8]")
# Steps so small that no weight of its size changes.
STILL = ("--optimizer=SGD", "--optimizer.lr=1e-30")
TWO = dict(list(COLORS.items())[:2])


def made(folder: Path, *flags: str) -> Run:
    assert main(["fit", *flags, QUIET, f"--logs={folder}"]) == 0
    [latest] = folder.glob("*/latest")
    return Run(latest)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("parent"), *NET)


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on three classes of photos."""
    return made(tmp_path_factory.mktemp("colors"), *PHOTOS)


def equal(one: dict[str, Tensor], other: dict[str, Tensor], part: str) -> bool:
    names = [name for name in one if name.startswith(part)]
    assert names
    return all(torch.equal(one[name], other[name]) for name in names)


def contents(run: Run) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}


def test_a_new_run_starts_from_the_weights_of_another(
    parent: Run, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(parent)
    run = train(f"--from_run={parent.folder}", *STILL, command="fit")
    assert equal(parent.weights("best"), run.weights(), "net.")
    assert [row["epoch"] for row in run.rows()] == [0, 1]
    assert f"weights      from {parent.folder}\n" in capsys.readouterr().out
    best = parent.folder / "checkpoints" / "best.ckpt"
    assert run.json("provenance")["parent"] == {
        "run": str(parent.folder),
        "checkpoint": "checkpoints/best.ckpt",
        "sha256": hashlib.sha256(best.read_bytes()).hexdigest(),
        "commit": parent.json("provenance")["git"]["commit"],
    }
    assert "parent" not in parent.json("provenance")
    assert before == contents(parent)


def test_it_is_made_beside_a_run_that_was_moved(parent: Run, tmp_path: Path) -> None:
    moved = shutil.copytree(parent.folder.resolve(), tmp_path / "moved" / "toy" / "version_4")
    before = contents(parent)
    assert main(["fit", f"--from_run={moved}", "--trainer.max_epochs=1", QUIET]) == 0
    assert (moved.with_name("version_5") / "config.yaml").is_file()
    assert before == contents(parent)


def test_its_config_lies_below_and_what_does_not_fit_starts_afresh(
    parent: Run, train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    above = tmp_path / "above.yaml"
    above.write_text("model: {init_args: {hidden: [16, 4]}}\ntrainer: {max_epochs: 1}\n")
    run = train(f"--config={above}", f"--from_run={parent.folder}", *STILL, command="fit")
    start, found = parent.weights("best"), run.weights()
    assert found["net.hidden_2.weight"].shape == (4, 16)
    assert equal(start, found, "net.hidden_1")
    # Its bias would fit; half a layer is none.
    assert not torch.equal(start["net.output.bias"], found["net.output.bias"])
    assert "; new: net.hidden_2, net.output\n" in capsys.readouterr().out
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["trainer"]["limit_train_batches"] == 5, "of the parent's"
    assert config["from_run"] == str(parent.folder)


def test_a_runs_own_config_starts_it_from_there_again(parent: Run, train: Train) -> None:
    first = train(f"--from_run={parent.folder}", command="fit")
    start = first.weights()
    second = train(f"--config={first.folder / 'config.yaml'}", command="fit")
    assert second.folder != first.folder
    assert equal(start, second.weights(), "")
    assert not equal(parent.weights(), second.weights(), "net.")


def test_going_on_needs_nothing_of_the_parent(parent: Run, train: Train, tmp_path: Path) -> None:
    start = parent.weights("best")
    flags = (f"--from_run={parent.folder}", "--freeze=net.hidden_1")
    straight = train(*flags, "--trainer.max_epochs=4", command="fit").weights()
    gone = shutil.copytree(parent.folder, tmp_path / "gone")
    run = train(f"--from_run={gone}", flags[1], command="fit")
    shutil.rmtree(gone)
    train(f"--run={run.folder}", "--trainer.max_epochs=4", command="fit")
    found = run.weights()
    assert equal(straight, found, "")
    assert equal(start, found, "net.hidden_1")
    assert not torch.equal(start["net.hidden_2.weight"], found["net.hidden_2.weight"])


@pytest.mark.parametrize(
    ("names", "afresh"),
    [
        (TWO, True),
        ({f"{name} by night": color for name, color in COLORS.items()}, True),
        (COLORS, False),
    ],
)
def test_other_classes_get_an_output_of_their_own(
    names: dict[str, tuple[int, int, int]],
    afresh: bool,
    colors: Run,
    train: Train,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start, root = colors.weights("best"), write_photos(tmp_path / "others", names)
    run = train(f"--from_run={colors.folder}", f"--data.root={root}", *STILL)
    assert ("; new: classifier.1\n" in capsys.readouterr().out) == afresh
    found = run.weights()
    assert torch.equal(start["backbone.0.0.weight"], found["backbone.0.0.weight"])
    same = torch.equal(start["classifier.1.weight"], found["classifier.1.weight"])
    assert same != afresh
    assert run.json("results")["split"] == "test"


def test_what_is_of_the_data_is_of_the_new_runs_data(
    colors: Run, train: Train, tmp_path: Path
) -> None:
    """But batch normalization's statistics go with the weights."""
    start, root = colors.weights("best"), write_photos(tmp_path / "two", TWO)
    flags = (*STILL, "--freeze=backbone", "--trainer.max_epochs=1")
    run = train(f"--from_run={colors.folder}", f"--data.root={root}", *flags, command="fit")
    found = run.weights()
    assert found["shares"].tolist() == [0.5, 0.5]
    assert not torch.equal(start["pixels.mean"], found["pixels.mean"])
    assert equal(start, found, "backbone"), "running_mean too"


def test_frozen_parts_stay_as_they_are(
    colors: Run, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    start = colors.weights("best")
    flags = ("--freeze=[backbone.0, 'backbone.1.*.weight']", "--model.weight_decay=0.1")
    found = train(f"--from_run={colors.folder}", *flags, command="fit").weights()
    assert "frozen       backbone.0, backbone.1.*.weight, " in capsys.readouterr().out
    assert equal(start, found, "backbone.0")
    assert equal(start, found, "backbone.1.0")
    assert torch.equal(start["backbone.1.1.weight"], found["backbone.1.1.weight"])
    for learned in ("bias", "running_mean"):
        name = f"backbone.1.1.{learned}"
        assert not torch.equal(start[name], found[name])


NEW = "--from_run starts a new run"


@pytest.mark.parametrize(
    ("command", "flags", "fault"),
    [
        ("fit", ["--freeze=net.hiden_1"], "freeze=net.hiden_1: no parameter or part of the model"),
        ("fit", ["--freeze=zzz"], "; there are net.hidden_1, net."),
        ("fit", ["--run=logs"], NEW),
        ("fit", ["--ckpt_path=best"], NEW),
        ("test", [], NEW),
        ("predict", [], NEW),
    ],
)
def test_what_cannot_be_started_is_refused(
    command: str, flags: list[str], fault: str, parent: Run, refusal: Refusal
) -> None:
    assert fault in refusal(command, f"--from_run={parent.folder}", *flags)


def test_there_must_be_such_a_run(parent: Run, logs: Path, refusal: Refusal) -> None:
    gone = shutil.copytree(parent.folder, logs / "gone")
    (gone / "checkpoints" / "best.ckpt").unlink()
    lacking = "has no checkpoints/best.ckpt to start from"
    assert lacking in refusal("fit", f"--from_run={gone}")
    shutil.rmtree(gone)
    where = "no such run; runs are in logs/<task>/version_N (--from_run)"
    assert where in refusal("fit", f"--from_run={gone}")


def test_a_run_of_another_kind_is_no_start(colors: Run, refusal: Refusal) -> None:
    error = refusal("fit", f"--from_run={colors.folder}", "--model.channels=[5]")
    assert "none of its layers fits ToyConv" in error


def test_any_model_starts_from_a_run(train: Train) -> None:
    demo = "lightning.pytorch.demos.boring_classes.Boring"
    short = ("--trainer.limit_train_batches=2", "--trainer.max_epochs=1")
    parent = train(f"--model={demo}Model", f"--data={demo}DataModule", *short, command="fit")
    start = parent.weights()
    flags = ("--freeze=layer.bias", "--optimizer=SGD")
    run = train(f"--from_run={parent.folder}", *flags, command="fit")
    found = run.weights()
    assert torch.equal(start["layer.bias"], found["layer.bias"])
    assert not torch.equal(start["layer.weight"], found["layer.weight"])
    assert torch.allclose(start["layer.weight"], found["layer.weight"], atol=0.02)
    assert run.json("provenance")["parent"]["run"] == str(parent.folder)
