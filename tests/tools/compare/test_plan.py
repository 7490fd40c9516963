"""What a comparison consists of, and that a run is recognized as the one that was asked for."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.compare import cells, expected, plan, settings
from kindling.tools.compare.plan import Plan

TASKS = arguments.names(paths.CONFIGS)
SHIPPED = sorted({path.stem for path in plan.FOLDER.glob("*.yaml")} & set(TASKS))
FURTHER = sorted(path for path in plan.FOLDER.glob("*.yaml") if path.stem not in TASKS)
SMOKE = ["--config=smoke", "--data.window=8", "--data.lags=[]", "--model.hidden=8"]


def test_plans_are_neither_tasks_nor_presets() -> None:
    assert SHIPPED
    assert not {*SHIPPED, "compare"} & set(arguments.names(paths.PRESETS))
    assert "compare" not in TASKS
    with pytest.raises(UserError, match="no such config"):
        arguments.find_config("compare")


@pytest.mark.parametrize("task", SHIPPED)
def test_shipped_variants_are_sound_and_differ(task: str, tmp_path: Path) -> None:
    shipped = plan.read(task)
    assert (plan.FOLDER / f"{task}.yaml").read_text().startswith("# ")
    assert 2 <= len(shipped.variants) <= 4
    wanted = expected.cells(shipped, plan.seeds(1), tmp_path, [])
    assert len({str(cell.settings) for cell in wanted}) == len(wanted)
    assert settings.differing([cell.settings for cell in wanted])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", FURTHER, ids=lambda path: path.stem)
def test_further_plans_are_sound(path: Path, tmp_path: Path) -> None:
    """Those that are named by --plan, of the task that their name begins with."""
    further = plan.read(path.stem.partition("_")[0], path)
    assert path.read_text().startswith("# ")
    wanted = expected.cells(further, plan.seeds(1), tmp_path, [])
    assert len({str(cell.settings) for cell in wanted}) == len(wanted)


@pytest.mark.parametrize("task", SHIPPED)
def test_every_task_has_folds(task: str, tmp_path: Path) -> None:
    [first, second] = expected.cells(plan.alone(task), plan.folds(2), tmp_path, [])
    assert (first.settings["data.folds"], first.settings["data.fold"]) == (2, 0)
    assert (second.settings["data.folds"], second.settings["data.fold"]) == (2, 1)
    assert second.folder == tmp_path / "runs" / "default" / "fold_1"


def test_variants_may_differ_in_optimizer_and_schedule(tmp_path: Path) -> None:
    sgd = ["--optimizer=SGD", "--optimizer.lr=0.1", "--lr_scheduler=ConstantLR"]
    chosen = Plan("timeseries", {"default": [], "sgd": sgd})
    default, other = expected.cells(chosen, plan.seeds(1), tmp_path, [])
    assert default.settings["optimizer"] is None
    assert other.settings["optimizer"] == "torch.optim.SGD"
    assert other.settings["optimizer.lr"] == 0.1
    assert other.settings["lr_scheduler"] == "torch.optim.lr_scheduler.ConstantLR"


def test_flags_of_all_variants_overrule_those_of_one(tmp_path: Path) -> None:
    chosen = Plan("timeseries", {"a b": ["--model.cell=gru", "--model.lr=0.5"]})
    flags = ["--model.lr=0.25", "--config", "smoke"]
    [cell] = expected.cells(chosen, plan.seeds(1), tmp_path, flags)
    assert cell.settings["model.cell"] == "gru"
    assert cell.settings["model.lr"] == 0.25
    assert cell.settings["trainer.max_epochs"] == 2
    assert cell.folder == tmp_path / "runs" / "a_b" / "seed_0"


def test_a_run_is_recognized_by_its_settings(tmp_path: Path) -> None:
    chosen = Plan("timeseries", {"small": SMOKE, "other": [*SMOKE, "--model.cell=gru"]})
    small, other = expected.cells(chosen, plan.seeds(1), tmp_path, [])
    assert cells.finished(small) is None
    command = cells.command(small, 1)
    assert main(command[3:]) == 0
    run = small.folder / "timeseries" / "version_0"
    assert cells.finished(small) == run
    elsewhere = plan.PlannedRun("timeseries", "other", other.unit, small.folder, [], other.settings)
    assert cells.finished(elsewhere) is None
    (run / "results.json").unlink()
    assert cells.finished(small) is None
    assert cells.command(small, 1)[3:] == ["test", f"--run={run}"]


WRONG: list[tuple[Any, str]] = [
    ("variants: [a, b]", "names no variants"),
    ("seeds: 3", "names no variants"),
    ("variants: {a: {lr: 1}}", "expected flags in one line"),
    ("variants: {a/b: --model.lr=1}", "not a variant's name"),
    ("variants: {a b: , a_b: }", "differ in blanks alone"),
    ("variants: {a: }\nseeds: many", "expected a number of seeds"),
    ("variants: {a: }\nvariant: {}", "variant: expected variants, seeds or flags"),
    ("variants: {a: [", "line 1: not valid YAML"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_plan_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        plan.read("timeseries", path)
    assert str(path) in str(error.value)


def test_what_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"timeserie: no such task; did you mean timeseries\?"):
        plan.read("timeserie")
    with pytest.raises(UserError, match="no such file; it names variants"):
        plan.read("timeseries", tmp_path / "none.yaml")
    with pytest.raises(UserError, match="seeds=0: must be at least 1"):
        plan.seeds(0)
    with pytest.raises(UserError, match="folds=1: must be at least 2"):
        plan.folds(1)
    with pytest.raises(UserError, match="not a name"):
        plan.check_name("../up")


def test_a_wrong_flag_of_a_variant_is_known_before_anything_is_run(tmp_path: Path) -> None:
    chosen = Plan("timeseries", {"a": [], "b": ["--model.cel=gru"]})
    with pytest.raises(UserError, match=r"model.cel: no such option; did you mean model.cell\?"):
        expected.cells(chosen, plan.seeds(2), tmp_path, [])


def test_settings_by_the_names_that_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "seed_everything": 1,
                "logs": "/x",
                "trainer": {"max_epochs": 3, "enable_progress_bar": False},
                "model": {"class_path": "a.B", "init_args": {"lr": 0.1, "sizes": [1, 2]}},
            }
        )
    )
    assert settings.read(path) == {
        "seed_everything": 1,
        "trainer.max_epochs": 3,
        "model": "a.B",
        "model.lr": 0.1,
        "model.sizes": [1, 2],
    }
