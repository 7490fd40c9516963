"""A new run from another run's weights: what comes over, what starts afresh, what is frozen."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from kindling.data import paths

Run = Callable[..., int]

POTABILITY = ("--config=potability", "--config=smoke", "--model.hidden=[16,8]")
CLOUDS = (
    "--config=clouds",
    "--config=smoke",
    "--data.image_size=32",
    "--model.channels=[4,8]",
    "--trainer.limit_train_batches=2",
)
# Steps so small that no weight of its size changes.
STILL = ("--optimizer=SGD", "--optimizer.lr=1e-30")
PHOTOS = 6
"""Of each class in each split of a small set."""


def photos(folder: Path, names: dict[str, str]) -> Path:
    """A small set of the sample's photos, each class by another name."""
    sample = paths.SAMPLES / "clouds"
    for split in ("clouds_train", "clouds_test"):
        for there, name in names.items():
            (folder / split / name).mkdir(parents=True)
            for photo in sorted((sample / split / there).iterdir())[:PHOTOS]:
                shutil.copy(photo, folder / split / name)
    return folder


SKIES = {"clear sky": "clear", "cumulus clouds": "cumulus", "stratiform clouds": "stratus"}


@pytest.fixture
def parent(kindling: Run, logs: Path) -> Path:
    assert kindling("fit", *POTABILITY) == 0
    return (logs / "potability" / "latest").resolve()


@pytest.fixture
def skies(kindling: Run, logs: Path, tmp_path: Path) -> Path:
    """A run on three kinds of cloud."""
    assert kindling("fit", *CLOUDS, "--trainer.max_epochs=1") == 0  # writes the sample
    shutil.rmtree(logs)
    root = photos(tmp_path / "three", SKIES)
    assert kindling("fit", *CLOUDS, f"--data.root={root}") == 0
    return (logs / "clouds" / "latest").resolve()


def weights(run: Path, name: str = "best") -> dict[str, Tensor]:
    content = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    found: dict[str, Tensor] = content["state_dict"]
    return found


def equal(one: dict[str, Tensor], other: dict[str, Tensor], part: str) -> bool:
    names = [name for name in one if name.startswith(part)]
    assert names
    return all(torch.equal(one[name], other[name]) for name in names)


def provenance(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "provenance.json").read_text())
    return record


def test_a_new_run_starts_from_the_weights_of_another(
    parent: Path, kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert kindling("train", f"--from_run={parent}", *STILL) == 0
    run = (logs / "potability" / "latest").resolve()
    assert run.name == "version_1"
    assert equal(weights(parent), weights(run, "last"), "net.")
    with (run / "metrics.csv").open(newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["0", "1"]
    assert f"weights      of {parent}\n" in capsys.readouterr().out
    best = parent / "checkpoints" / "best.ckpt"
    assert provenance(run)["parent"] == {
        "run": str(parent),
        "checkpoint": "checkpoints/best.ckpt",
        "sha256": hashlib.sha256(best.read_bytes()).hexdigest(),
        "commit": provenance(parent)["git"]["commit"],
    }
    assert "parent" not in provenance(parent)
    assert before == {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}


def test_its_config_lies_below_and_what_does_not_fit_starts_afresh(
    parent: Path, kindling: Run, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    above = tmp_path / "above.yaml"
    above.write_text("model: {init_args: {hidden: [16, 4]}}\ntrainer: {max_epochs: 1}\n")
    capsys.readouterr()
    assert kindling("fit", f"--config={above}", "--from_run", str(parent), *STILL) == 0
    run = logs / "potability" / "latest"
    found = weights(run, "last")
    assert found["net.hidden_2.weight"].shape == (4, 16)
    assert equal(weights(parent), found, "net.hidden_1")
    # Its bias would fit; half a layer is none.
    assert not torch.equal(weights(parent)["net.output.bias"], found["net.output.bias"])
    assert "; afresh: net.hidden_2, net.output\n" in capsys.readouterr().out
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["trainer"]["limit_train_batches"] == 5, "of the parent's"
    assert config["from_run"] == str(parent)


def test_a_runs_own_config_starts_it_from_there_again(
    parent: Path, kindling: Run, logs: Path
) -> None:
    assert kindling("fit", f"--from_run={parent}") == 0
    first = (logs / "potability" / "latest").resolve()
    assert kindling("fit", f"--config={first / 'config.yaml'}") == 0
    second = (logs / "potability" / "latest").resolve()
    assert second != first
    assert equal(weights(first, "last"), weights(second, "last"), "")
    assert not equal(weights(parent, "last"), weights(second, "last"), "net.")


def test_going_on_needs_nothing_of_the_parent(parent: Path, kindling: Run, logs: Path) -> None:
    frozen = "--freeze=net.hidden_1"
    assert kindling("fit", f"--from_run={parent}", frozen, "--trainer.max_epochs=4") == 0
    straight = weights(logs / "potability" / "latest", "last")
    assert kindling("fit", f"--from_run={parent}", frozen) == 0
    start = weights(parent)
    shutil.rmtree(parent)
    run = f"--run={logs / 'potability' / 'latest'}"
    assert kindling("train", run, "--trainer.max_epochs=4") == 0
    found = weights(logs / "potability" / "latest", "last")
    assert equal(straight, found, "")
    assert equal(start, found, "net.hidden_1")
    assert not torch.equal(start["net.hidden_2.weight"], found["net.hidden_2.weight"])


def test_other_classes_get_an_output_of_their_own(
    skies: Path, kindling: Run, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = photos(tmp_path / "two", dict(list(SKIES.items())[:2]))
    others = photos(tmp_path / "others", {k: f"{v} by night" for k, v in SKIES.items()})
    same = photos(tmp_path / "same", SKIES)
    start = weights(skies)
    for root, afresh in ((two, True), (others, True), (same, False)):
        capsys.readouterr()
        assert kindling("train", f"--from_run={skies}", f"--data.root={root}", *STILL) == 0
        assert ("; afresh: net.classifier.3\n" in capsys.readouterr().out) == afresh
        found = weights(logs / "clouds" / "latest", "last")
        assert torch.equal(start["net.blocks.0.0.weight"], found["net.blocks.0.0.weight"])
        came = torch.equal(start["net.classifier.3.weight"], found["net.classifier.3.weight"])
        assert came != afresh
        results = json.loads((logs / "clouds" / "latest" / "results.json").read_text())
        assert results["split"] == "test"


def test_what_is_of_the_data_is_of_the_new_runs_data(
    skies: Path, kindling: Run, logs: Path, tmp_path: Path
) -> None:
    """But batch normalization's statistics go with the weights."""
    bright = photos(tmp_path / "bright", {"clear sky": "clear", "cumulus clouds": "cumulus"})
    start = weights(skies)
    flags = (*STILL, "--freeze=backbone", "--trainer.max_epochs=1")
    assert kindling("fit", f"--from_run={skies}", f"--data.root={bright}", *flags) == 0
    found = weights(logs / "clouds" / "latest", "last")
    assert found["shares"].tolist() == [0.5, 0.5]
    assert not torch.equal(start["pixels.mean"], found["pixels.mean"])
    assert equal(start, found, "net.blocks"), "running_mean too"


def test_frozen_parts_stay_as_they_are(
    skies: Path, kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = weights(skies)
    capsys.readouterr()
    flags = ("--freeze=[net.blocks.0, 'net.blocks.1.*.weight']", "--model.weight_decay=0.1")
    assert kindling("fit", f"--from_run={skies}", *flags, "--model.schedule=constant") == 0
    assert "frozen       net.blocks.0, net.blocks.1.*.weight, " in capsys.readouterr().out
    found = weights(logs / "clouds" / "latest", "last")
    assert equal(start, found, "net.blocks.0")
    assert equal(start, found, "net.blocks.1.0")
    assert torch.equal(start["net.blocks.1.1.weight"], found["net.blocks.1.1.weight"])
    assert not torch.equal(start["net.blocks.1.1.bias"], found["net.blocks.1.1.bias"])
    assert not torch.equal(
        start["net.blocks.1.1.running_mean"], found["net.blocks.1.1.running_mean"]
    )


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--freeze=net.hiden_1"], "freeze=net.hiden_1: no parameter or part of the model"),
        (["--freeze=zzz"], "; there are net.hidden_1, net."),
        (["--run=logs"], "--from_run starts a new run"),
        (["--ckpt_path=best"], "--from_run starts a new run"),
    ],
)
def test_what_cannot_be_started_is_refused(
    flags: list[str],
    fault: str,
    parent: Path,
    kindling: Run,
    logs: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kindling("fit", f"--from_run={parent}", *flags) == 2
    error = capsys.readouterr().err
    assert fault in error
    assert error.count("\n") == 1
    assert len(list((logs / "potability").glob("version_*"))) == 1


def test_a_run_of_another_kind_is_no_start(
    skies: Path, kindling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kindling("fit", f"--from_run={skies}", "--model.net=linear") == 2
    assert "none of its layers fits CloudsModule as it is configured" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["test", "predict"])
def test_only_training_starts_from_a_run(
    command: str, parent: Path, kindling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kindling(command, f"--from_run={parent}") == 2
    assert "--from_run starts a new run" in capsys.readouterr().err


def test_there_must_be_such_a_run(
    parent: Path, kindling: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kindling("fit", f"--from_run={tmp_path / 'gone'}") == 2
    assert "no such run; runs lie in logs/<task>/version_N (--from_run)" in capsys.readouterr().err
    (parent / "checkpoints" / "best.ckpt").unlink()
    assert kindling("fit", f"--from_run={parent}") == 2
    assert "has no checkpoints/best.ckpt to start from" in capsys.readouterr().err


def test_any_model_starts_from_a_run(
    kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = "lightning.pytorch.demos.boring_classes"
    pair = [f"--model={demo}.BoringModel", f"--data={demo}.BoringDataModule"]
    short = ["--trainer.limit_train_batches=2", "--trainer.max_epochs=1"]
    assert kindling("fit", *pair, *short) == 0
    parent = (logs / "boring_model" / "latest").resolve()
    assert kindling("fit", f"--from_run={parent}", "--freeze=layer.bias", "--optimizer=SGD") == 0
    run = logs / "boring_model" / "latest"
    start, found = weights(parent), weights(run, "last")
    assert torch.equal(start["layer.bias"], found["layer.bias"])
    assert not torch.equal(start["layer.weight"], found["layer.weight"])
    assert torch.allclose(start["layer.weight"], found["layer.weight"], atol=0.02)
    assert provenance(run)["parent"]["run"] == str(parent)
