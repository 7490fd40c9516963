"""New problems: plain files, in the project's style, whose tests pass and that train at once."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.new import PROBLEMS, new
from kindling.tools.new.recipe import Recipe, copied
from kindling.tools.new.show import inferred

Run = Any
KINDS = [(kind, target) for kind, targets in new.RECIPES.items() for target in targets]
TASK = "my_own"
CHURN = "id;Tariff;Minutes;Fee;Churn\n" + "".join(
    f"A-{k};{'abc'[k % 3]};{k % 50};{k % 7},5;{'Yes' if k % 4 else 'No'}\n" for k in range(120)
)


def recipe_of(kind: str, target: str) -> Recipe:
    recipe = new.find(kind, target)
    if not all((paths.PROJECT / name).is_file() for name in recipe.package):
        pytest.skip("what it is copied from was taken out")
    return recipe


@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_what_is_written_is_the_new_problem_s_own(kind: str, target: str, inside: Path) -> None:
    recipe = recipe_of(kind, target)
    written = new.create(TASK, recipe)
    assert [path.exists() for path in written] == [True] * 3
    shipped = [path.name for path in PROBLEMS.iterdir() if path.is_dir()]
    others = re.compile(rf"problems\.({'|'.join(shipped)})\b|scaffold")
    files = [path for folder in written[:2] for path in folder.glob("*.py")]
    for path in files:
        ast.parse(path.read_text())
        assert not others.search(path.read_text()), path
    modules = {path.stem for path in written[0].glob("*.py")}
    for path in files:
        for name in re.findall(rf"problems\.{TASK}\.(\w+)", path.read_text()):
            assert name in modules, f"{path.name} imports {name}"
    config = yaml.safe_load(written[2].read_text())
    assert config["data"]["class_path"].endswith(f"problems.{TASK}.data.MyOwnDataModule")
    assert len(written[2].read_text().splitlines()) <= 20


@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_every_passage_that_is_changed_is_there(kind: str, target: str) -> None:
    files = copied(recipe_of(kind, target), TASK, {})
    assert not [place for place, text in files.items() if "\1" in text or "\2" in text]


@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_no_test_is_of_a_real_set_that_is_another_problem_s(kind: str, target: str) -> None:
    files = copied(recipe_of(kind, target), TASK, {})
    assert not [place for place, text in files.items() if "real: Path" in text]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("class", "a word of Python's own"),
        ("My", "use small letters"),
        ("2fast", "use small letters"),
        ("a" * 31, "longer than 30 letters"),
        ("trainer", "taken by configs/trainer.yaml"),
        ("smoke", "taken by configs/presets/smoke.yaml"),
        ("lr", "the name of the preset lr_find begins so"),
    ],
)
def test_names_that_cannot_be_had(task: str, message: str, inside: Path) -> None:
    before = sorted(inside.rglob("*"))
    with pytest.raises(UserError, match=message):
        new.create(task, new.find("tabular", None))
    assert sorted(inside.rglob("*")) == before


def test_kinds_and_targets_that_there_are_not() -> None:
    with pytest.raises(UserError, match="KIND=tabula: no such kind; did you mean tabular"):
        new.find("tabula", None)
    with pytest.raises(UserError, match="TARGET=classification: series has regression"):
        new.find("series", "classification")


def test_nothing_is_left_of_a_problem_that_could_not_be_written(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(inside.rglob("*"))
    rename, moved = Path.rename, []

    def full(path: Path, target: Path) -> Path:
        moved.append(path)
        if len(moved) == 3:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        new.create(TASK, recipe_of("tabular", "classification"))
    assert sorted(inside.rglob("*")) == before


def test_a_table_is_taken_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(CHURN)
    found = inferred("tabular", path, None, None)
    assert found.about == "120 rows; separator semicolon; decimal comma"
    assert found.target == "classification"
    assert found.settings == {
        "table": "calls.csv",
        "target": "Churn",
        "numbers": ["Minutes", "Fee"],
        "categories": ["Tariff"],
        "ignore": ["id"],
    }
    by_name = {column.name: column for column in found.columns}
    assert by_name["Churn"].role == "target (class)"
    assert (by_name["Tariff"].distinct, by_name["Tariff"].missing) == (3, 0)
    other = inferred("tabular", path, "Minutes", None)
    assert other.target == "regression"
    assert other.settings["categories"] == ["Tariff", "Churn"]


def test_a_series_is_taken_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    rows = [f"2024-01-{1 + k // 24:02d} {k % 24:02d}:00,{k % 5},{k % 24}.5\n" for k in range(700)]
    path.write_text("when,wind,load\n" + "".join(rows))
    found = inferred("series", path, None, None)
    chosen = {name: found.settings[name] for name in ("time", "value", "problems", "lags")}
    assert chosen == {"time": "when", "value": "load", "problems": "error", "lags": []}
    assert "a step is 0 days 01:00:00; regular" in found.about
    path.write_text("when,wind,load\n" + "".join(rows[:300] + rows[301:]))
    assert inferred("series", path, "wind", None).settings["problems"] == "interpolate"


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("tabular", "", "the file is empty"),
        ("tabular", "a,b\n1,2\n1,3\n", "no column to learn from beside 'b'"),
        ("multi-input", "a,b\n1.5,2\n2.5,3\n", "no column of photos' paths"),
        ("series", "a,b\n1,2\n2,3\n", "no column of times"),
        ("images", "a,b\n1,2\n", "a file is read for tabular, series and multi-input"),
    ],
)
def test_files_that_are_of_no_use(kind: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        inferred(kind, tmp_path / "my.csv", None, None)


@pytest.mark.slow
def test_a_problem_on_one_s_own_table_passes_its_tests(
    tree: Path, python: Run, tmp_path: Path
) -> None:
    """By the script, as make calls it; the tests of the data, which need no training."""
    (tmp_path / "calls.csv").write_text(CHURN)
    made = python(
        "scripts/new.py", f"--task={TASK}", "--kind=tabular", f"--data={tmp_path / 'calls.csv'}"
    )
    assert made.returncode == 0, made.stderr
    assert re.search(r"Tariff +category +none +3", made.stdout)
    sources = [f"src/{PROBLEMS.parts[-2]}/problems/{TASK}", f"tests/problems/{TASK}"]
    for check in (["check"], ["format", "--check"]):
        done = python("-m", "ruff", *check, "--no-cache", *sources)
        assert done.returncode == 0, done.stdout
    tests = [f"tests/problems/{TASK}/test_{name}.py" for name in ("data", "target")]
    done = python("-m", "pytest", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout


def test_a_sample_has_the_columns_of_the_file(tmp_path: Path, inside: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(CHURN)
    written = new.create(TASK, new.find("tabular", None), inferred("tabular", path, None, None))
    module: dict[str, Any] = {}
    exec((written[0] / "sample.py").read_text(), module)
    module["write_sample"](tmp_path / "tree")
    header, first, *rest = (tmp_path / "tree" / "calls.csv").read_text().splitlines()
    assert set(header.split(",")) == {"id", "Tariff", "Minutes", "Fee", "Churn"}
    assert len(rest) == 999
    assert first.split(",")[-1] in ("Yes", "No")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_every_kind_passes_its_tests_and_trains(
    kind: str, target: str, python: Run, tmp_path: Path
) -> None:
    recipe_of(kind, target)
    made = python("scripts/new.py", f"--task={TASK}", f"--kind={kind}", f"--target={target}")
    assert made.returncode == 0, made.stderr
    done = python("-m", "pytest", "-p", "no:cacheprovider", f"tests/problems/{TASK}")
    assert done.returncode == 0, done.stdout
    flags = ["--config=smoke", f"--logs={tmp_path / 'logs'}", "--trainer.enable_progress_bar=false"]
    package = PROBLEMS.parts[-2]
    trained = python("-m", package, "train", f"--config={TASK}", *flags)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "logs" / TASK / "latest" / "results.json").is_file()
    for check in (["check"], ["format", "--check"]):
        done = python("-m", "ruff", *check, "--no-cache", f"src/{package}", "tests/problems")
        assert done.returncode == 0, done.stdout
    typed = python("-m", "mypy", "--cache-dir=/dev/null", f"src/{package}/problems/{TASK}")
    assert typed.returncode == 0, typed.stdout
