"""The command line over the smallest runs, most of them in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import kindling
from kindling.__main__ import main
from tests.engine.toy import QUIET, TASK, Refusal, Run, ToyNet, Train

SMOKE = (TASK, "--config=smoke", QUIET)


def config_of(run: Run) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((run.folder / "config.yaml").read_text())
    return config


def best(run: Run) -> str:
    return f"--ckpt_path={run.folder / 'checkpoints' / 'best.ckpt'}"


# What a run leaves.


def test_a_run_is_whole(trained: Run) -> None:
    found = [path.relative_to(trained.folder) for path in trained.folder.rglob("*")]
    files = {str(path) for path in found if (trained.folder / path).is_file()}
    events = {name for name in files if "tfevents" in name}
    assert files - events == {
        *("config.yaml", "provenance.json", "metrics.csv", "results.json", "predictions.csv"),
        *("checkpoints/best.ckpt", "checkpoints/last.ckpt", "figures/predicted.png"),
        ".lock",
    }
    assert {Path(name).parent.name for name in events} == {"", "train", "val", "test", "final"}


def test_results_say_how_good_and_against_what(trained: Run) -> None:
    results = trained.json("results")
    said = {"task": "toy", "split": "test", "checkpoint": "checkpoints/best.ckpt"}
    assert said.items() <= results.items()
    assert results["data"]["sample"] is True
    assert len(results["data"]["sha256"]) == 64
    assert results["baseline"]["name"] == "training majority"
    for name in ("accuracy", "auroc"):
        model, baseline = results["metrics"][name], results["baseline"]["metrics"][name]
        assert model["low"] < model["value"] <= model["high"]
        gained = (model["value"] - baseline["value"]) / (1 - baseline["value"])
        assert results["skill"][name] == pytest.approx(gained)


def test_predictions_and_results_are_of_the_same_samples(trained: Run) -> None:
    rows, results = trained.table("predictions"), trained.json("results")
    assert list(rows[0]) == ["row", "label", "prediction", "probability_0", "probability_1"]
    assert len(rows) == results["samples"]
    right = sum(row["prediction"] == row["label"] for row in rows) / len(rows)
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(right)


def test_metrics_have_a_row_an_epoch(trained: Run) -> None:
    rows = trained.rows()
    assert [row["epoch"] for row in rows] == [0, 1]
    for name in ("loss", "accuracy", "auroc"):
        assert all(row[f"{stage}/{name}"] > 0 for row in rows for stage in ("train", "val"))
    assert all(row["lr"] >= 0 for row in rows)


def test_provenance_says_what_made_it(trained: Run) -> None:
    record = trained.json("provenance")
    assert record["seed"] == 0
    assert record["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert record["data"]["samples"]["train"] > 0
    assert record["wall_time_s"] > 0
    assert set(record["git"]) == {"commit", "dirty"}
    assert record["command"].startswith("kindling")


def test_tensorboard_has_stages_on_one_chart_and_settings_beside_final_scores(
    trained: Run,
) -> None:
    def events(stage: str) -> EventAccumulator:
        found = EventAccumulator(str(trained.folder / stage))
        found.Reload()
        return found

    train, val, run, final = (events(stage).Tags() for stage in ("train", "val", "", "final"))
    shared = {f"curves/{name}" for name in ("loss", "accuracy", "auroc")}
    assert shared <= {*train["tensors"]} & {*val["tensors"]}
    assert "curves/lr" in run["tensors"]
    assert [tag for tag in run["tensors"] if tag.startswith("gradient_norm/net")]
    assert "figures/predicted" in val["images"]
    assert {"val/auroc", "test/auroc"} <= {*final["tensors"]}
    metadata = events("final").summary_metadata["_hparams_/session_start_info"]
    for name in (b"model.hidden", b"model.lr", b"data.target", b"seed", b"sample"):
        assert name in metadata.plugin_data.content
    assert b"model.features" not in metadata.plugin_data.content, "it is no setting"


def test_the_table_says_what_it_is_of(capsys: pytest.CaptureFixture[str], copied: Run) -> None:
    assert main(["test", "--run", str(copied.folder), QUIET]) == 0
    printed = capsys.readouterr().out
    for words in ("metric", "95 % interval", "skill", "the generated sample", "make tensorboard"):
        assert words in printed
    assert str(copied.folder) in printed


def test_the_profile_is_shown(train: Train, capfd: pytest.CaptureFixture[str]) -> None:
    train("--config=profile", command="fit")
    captured = capfd.readouterr()
    assert "run_training_batch" in captured.out + captured.err


# What LightningCLI does wrong in silence.


def test_the_runs_own_config_lies_below_the_flags_and_the_saved_one_shows_them(
    trained: Run, train: Train
) -> None:
    checkpoint = best(trained).replace("best.ckpt", "last.ckpt")
    flags = ("--trainer.gradient_clip_val=0.5", "--trainer.max_epochs=3")
    saved = config_of(train(checkpoint, *flags, command="fit"))
    assert saved["trainer"]["gradient_clip_val"] == 0.5
    assert saved["model"]["init_args"]["hidden"] == [6], "the run's own config lies below the flags"


def test_a_finished_run_does_not_pretend_to_go_on(trained: Run, refusal: Refusal) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")}
    said = refusal("fit", f"--run={trained.folder}")
    assert "all 2 epochs are done; to train longer: --trainer.max_epochs=4" in said
    assert {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")} == before


def test_threads_are_a_setting(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.get_num_threads()
    try:
        train("--threads=3", command="fit")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert "cpu, 3 threads" in capsys.readouterr().out


def test_a_resumed_run_goes_on_in_its_folder_and_its_config_starts_afresh(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the default config counts too
    run = train(command="fit")
    assert (
        train(f"--run={run.folder}", "--trainer.max_epochs=4", command="fit").folder == run.folder
    )
    assert [row["epoch"] for row in run.rows()] == [0, 1, 2, 3]
    assert "ckpt_path" not in config_of(run)
    again = train(f"--config={run.folder / 'config.yaml'}", command="fit")
    assert again.folder.name == "version_1"
    assert [row["epoch"] for row in again.rows()] == [0, 1, 2, 3]


def test_the_same_seed_gives_the_same_figures(trained: Run, train: Train) -> None:
    again, other = (train(*SMOKE, f"--seed_everything={k}", command="fit") for k in (0, 1))
    assert again.rows() == trained.rows() != other.rows()


def test_what_a_checkpoint_in_no_run_scores_stays_with_it(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, elsewhere = tmp_path / "mine.ckpt", tmp_path / "elsewhere"
    checkpoint.write_bytes((trained.folder / "checkpoints" / "best.ckpt").read_bytes())
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["test", "--trust", f"--ckpt_path={checkpoint}", QUIET]) == 0
    found = Run(tmp_path / "mine-results")
    assert found.scores() == trained.scores()
    assert found.table("predictions") == trained.table("predictions")
    assert not [*elsewhere.iterdir()]


# Wrong input: one line, exit status 2, nothing left behind.


ALTERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a checkpoint of another, not of toy": lambda c: c["kindling"].update(task="another"),
    "made by kindling 0.0.9, which kept no 'columns' of the data": lambda c: (
        c["kindling"].update(version="0.0.9"),
        c["ToyTable"].pop("columns"),
    ),
}


@pytest.mark.parametrize("message", ALTERED)
def test_a_checkpoint_of_another_task_or_version(
    message: str, trained: Run, tmp_path: Path, refusal: Refusal
) -> None:
    content = trained.checkpoint("best")
    assert content["kindling"]["version"] == kindling.__version__
    ALTERED[message](content)
    torch.save(content, tmp_path / "x.ckpt")
    assert message in refusal("test", TASK, "--trust", f"--ckpt_path={tmp_path / 'x.ckpt'}")


def test_a_checkpoint_of_another_architecture(trained: Run, refusal: Refusal) -> None:
    before = sorted(trained.folder.rglob("*"))
    said = refusal("test", best(trained), "--model.hidden=[9]")
    assert "does not fit the configured model: size mismatch for net" in said
    assert sorted(trained.folder.rglob("*")) == before


# Endings.


class Poisoned(ToyNet):
    """Has weights that are no numbers from a step on."""

    def __init__(self, at: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.at = at

    def training_step(self, batch: Any) -> Any:
        if self.global_step == self.at:
            for parameter in self.parameters():
                parameter.data.fill_(torch.nan)
        return super().training_step(batch)


@pytest.mark.parametrize("step", [0, 7])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint_before(
    step: int, kindling: Callable[..., int], logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned = (f"--model={__name__}.Poisoned", f"--model.at={step}")
    assert kindling("fit", *SMOKE, *poisoned) == 1
    where = f"epoch {step // 7}, step {step + 1}"
    assert f"NaN or infinite in {where}" in capsys.readouterr().err
    assert (logs / "toy").exists() == (step > 0), "before the first one there is no run"
    for name in ("best", "last") if step else ():
        weights = Run(logs / "toy" / "version_0").weights(name)
        assert all(value.isfinite().all() for value in weights.values())
