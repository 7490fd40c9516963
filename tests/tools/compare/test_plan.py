"""What a comparison consists of, and that a run is recognized as the one that was asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools import compare as plan
from kindling.tools.compare import Plan
from kindling.tools.runner.planned import PlannedRun

TASKS = arguments.names(paths.CONFIGS)
RESULTS = paths.CONFIGS / "results"
# Those beside the tasks' own are of the task that their name begins with, for --plan.
COMPARED = [
    (path, task)
    for path in sorted([*(paths.CONFIGS / "compare").glob("*.yaml"), *RESULTS.glob("*.yaml")])
    if (task := path.stem.partition("_")[0]) in TASKS
]


def planned(chosen: Plan, folder: Path, *flags: str) -> list[PlannedRun]:
    """The first run of each variant."""
    return [runs[0] for runs in chosen.runs(folder, flags).values()]


@pytest.mark.parametrize(
    ("path", "task"),
    [pytest.param(*each, id=f"{each[0].parent.name}-{each[0].stem}") for each in COMPARED],
)
def test_shipped_plans_are_sound_and_their_variants_differ(
    path: Path, task: str, tmp_path: Path
) -> None:
    assert path.read_text().startswith("# ")
    assert path.stem not in arguments.names(paths.PRESETS)
    shipped = plan.read(path, task)
    wanted = planned(shipped, tmp_path)
    assert len({str(run.settings) for run in wanted}) == len(wanted)
    if path.parent == RESULTS:
        assert shipped.repeated >= 5, "a published score is of five seeds or folds at least"
    elif path.stem == task:
        assert 2 <= len(wanted) <= 4
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_plans_are_neither_tasks_nor_presets() -> None:
    with pytest.raises(UserError, match="no such config"):
        arguments.find_config("compare")


@pytest.mark.usefixtures("toy")
def test_variants_may_differ_in_optimizer_and_flags_of_all_overrule_them(tmp_path: Path) -> None:
    sgd = ["--optimizer=SGD", "--optimizer.lr=0.1", "--lr_scheduler=ConstantLR"]
    variants = {"a b": ["--model.dropout=0.1", "--data.batch_size=8"], "sgd": sgd}
    chosen = Plan("toy", variants, "seed", 1)
    first, other = planned(chosen, tmp_path, "--data.batch_size=24", "--config", "smoke")
    assert first.settings["optimizer"] is None
    assert first.settings["model.dropout"] == 0.1
    assert first.settings["data.batch_size"] == 24
    assert first.settings["trainer.max_epochs"] == 2
    assert first.folder == tmp_path / "runs" / "a_b" / "seed_0"
    assert other.settings["optimizer"] == "torch.optim.SGD"
    assert other.settings["optimizer.lr"] == 0.1
    assert other.settings["lr_scheduler"] == "torch.optim.lr_scheduler.ConstantLR"


@pytest.mark.usefixtures("toy")
def test_a_run_is_recognized_by_its_settings(tmp_path: Path) -> None:
    variants = {"small": [], "other": ["--model.dropout=0.1"]}
    small, other = planned(Plan("toy", variants, "seed", 1), tmp_path, "--config=smoke")
    assert small.finished() is None
    assert main(small.command(1)[3:]) == 0
    run = small.folder / "toy" / "version_0"
    assert small.finished() == run
    assert replace(other, folder=small.folder).finished() is None
    (run / "results.json").unlink()
    assert small.finished() is None
    assert small.command(1)[3:] == ["test", f"--run={run}"]


WRONG = [
    ("variants: [a, b]", "names no variants"),
    ("seeds: 3", "names no variants"),
    ("variants: {a: {lr: 1}}", "expected flags in one line"),
    ("variants: {a/b: --model.lr=1}", "'a/b': not a name"),
    ("variants: {a b: , a_b: }", "differ only in spaces"),
    ("variants: {a: }\nseeds: many", "expected a number of seeds"),
    ("variants: {a: }\nfolds: 1", "folds: 1: expected a number of folds"),
    ("variants: {a: }\nvariant: {}", "variant: expected variants, seeds or folds or flags"),
    ("[1, 2]", "holds no settings"),
    ("variants: {a: [", "line 1: not valid YAML"),
]


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_plan_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        plan.read(path, "toy")
    assert said in str(error.value)
    assert str(path) in str(error.value)
