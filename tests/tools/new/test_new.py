"""New problems: small files in the project's style, whose tests pass and that train at once."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from kindling.__main__ import main
from kindling.data import paths
from kindling.data.samples import write_folders, write_table
from kindling.tools.new import KINDS as MADE

Run = Any
STYLE = paths.PROJECT / "pyproject.toml"
TASK = "my_own"
KINDS = [(kind, target) for kind, targets in MADE.items() for target in targets]
CHURN = "id;Tariff;Minutes;Fee;constant;Churn\n" + "".join(
    f"A-{k};{'abc'[k % 3]};{k % 50};{k % 7},5;1;{'Yes' if k % 4 else 'No'}\n" for k in range(120)
)
LOAD = "when,wind,load\n" + "".join(
    f"2024-01-{1 + k // 24:02d} {k % 24:02d}:00,{k % 5},{k % 24}.5\n" for k in range(700)
)
UNEVEN = "at,heat\n" + "".join(
    f"{np.datetime64('2024-01-01T00:00:00') + k * 1700 + k * k % 977},{k % 48}.5\n"
    for k in range(900)
)
"""At no regular step."""

YEARS = "year,at,level\n" + "".join(
    f"2024,{np.datetime64('2024-01-01') + k},{k % 7}.5\n" for k in range(300)
)
"""A number that could be a time, before the times."""

OF_R = "time,value\n" + "".join(f"{1949 + k / 12:.7g},{k % 12}.5\n" for k in range(200))

SHOPS = "month,shop,sold\n" + "".join(
    f"{1990 + k // 12}-{1 + k % 12:02d},{shop},{k}.5\n" for k in range(200) for shop in "ab"
)
CLOCK = "Date;Time;wind;load\n" + "".join(
    f"{13 + k // 24}/01/2024;{k % 24}.00.00;{k % 5};{'-200' if k % 9 == 4 else f'{k % 24},5'}\n"
    for k in range(300)
)
"""The day and its time in two columns, and a number for what is missing."""

WIDE = ",MT_001,MT_002,MT_003\n" + "".join(
    f"{np.datetime64('2024-01-01') + k},{k % 7}.5,{k % 5}.5,{'' if k < 90 else k % 3}\n"
    for k in range(300)
)
"""Series in a column each, below dates without a name; one begins later."""

WRITTEN = (f"src/problems/{TASK}", f"tests/problems/{TASK}", f"configs/{TASK}.yaml")


def make(kind: str, *flags: str, task: str = TASK) -> int:
    return main(["new", f"--task={task}", f"--kind={kind}", *flags])


def settings(project: Path) -> dict[str, Any]:
    config = yaml.safe_load((project / "configs" / f"{TASK}.yaml").read_text())
    chosen: dict[str, Any] = config["data"]["init_args"]
    return chosen


def test_problems_are_small_and_in_the_project_s_style(inside: Path) -> None:
    """Whatever the length of their names, which stand in lines of their code."""
    for number, (kind, target) in enumerate(KINDS):
        for task in (f"k{number}", f"{'n' * 29}{number}"):
            assert make(kind, f"--target={target}", task=task) == 0
            files = [path for path in inside.rglob(f"{task}/*") if path.is_file()]
            texts = [path.read_text() for path in [*files, inside / f"configs/{task}.yaml"]]
            assert len(texts) == 5
            assert sum(text.count("\n") for text in texts) <= 300
            assert not re.search(
                r"task_name|TaskName|tools\.new|base_module|kind_about", "".join(texts)
            )
    for check in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--no-cache", f"--config={STYLE}"]
        done = subprocess.run([*ruff, str(inside)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("class", "a Python keyword"),
        ("My", "use small letters"),
        ("2fast", "use small letters"),
        ("a" * 31, "longer than 30 letters"),
        ("trainer", "taken by configs/trainer.yaml"),
        ("smoke", "taken by configs/presets/smoke.yaml"),
        ("over", "the preset overfit begins like it"),
        ("mine_too", "mine's presets begin like it"),
    ],
)
def test_names_that_cannot_be_had(
    task: str, message: str, inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inside / "configs" / "mine.yaml").touch()
    before = sorted(inside.rglob("*"))
    assert make("tabular", task=task) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(inside.rglob("*")) == before


@pytest.mark.parametrize(
    ("flags", "text", "message"),
    [
        (["--kind=tabula"], None, "KIND=tabula: no such kind; did you mean tabular"),
        (["--kind=series", "--target=classification"], None, "series has regression"),
        (["--kind=tabular"], "", "the file is empty"),
        (["--kind=tabular"], "a,b\n1,2\n1,3\n", "no column to learn from except 'b'"),
        (["--kind=tabular", "--column=Chrun"], CHURN, "no column 'Chrun' (did you mean 'Churn'?)"),
        (
            ["--kind=tabular", "--target=regression"],
            CHURN,
            "the cell (119 more like it); to predict it as a class, set TARGET=classification",
        ),
        (["--kind=multi-input"], "a,b\n1.5,2\n2.5,3\n", "no column of photos' paths"),
        (["--kind=multi-output"], "p,b\na.jpg,x\nb.jpg,y\n", "no column of numbers to predict"),
        (["--kind=multi-output"], "p,b\na.jpg,1\nb.jpg,2.5\n", "no column of categories"),
        (["--kind=series"], "a,b\n1,2\n2,3\n", "no column of times"),
        (["--kind=series"], "a,b\n2024-01-01,x\n2024-01-02,y\n", "no column of numbers"),
        (["--kind=series"], "a,b\n2024-01-01,1.5\nlater,2.5\n", "later"),
        (["--kind=images"], "a,b\n1,2\n", "name the folder, DATA=folder"),
    ],
)
def test_what_no_problem_is_made_of(
    flags: list[str], text: str | None, message: str, inside: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if text is not None:
        (tmp_path / "my.csv").write_text(text)
        flags = [*flags, f"--data={tmp_path / 'my.csv'}"]
    before = sorted(inside.rglob("*"))
    assert main(["new", f"--task={TASK}", *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(inside.rglob("*")) == before


def test_nothing_is_left_of_a_problem_that_could_not_be_written(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(path for path in inside.rglob("*") if path.is_file())
    write = Path.write_text

    def full(path: Path, text: str, encoding: str) -> int:
        if path.name == "test_contract.py":
            raise OSError(28, "No space left on device")
        return write(path, text, encoding)

    monkeypatch.setattr(Path, "write_text", full)
    assert make("tabular") == 2
    assert sorted(path for path in inside.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize(
    ("flags", "text", "about", "expected"),
    [
        (
            ["--kind=tabular"],
            CHURN,
            "120 rows; not used: constant",
            {"target": "Churn", "numbers": ["Minutes", "Fee"], "categories": ["Tariff"]},
        ),
        (
            ["--kind=tabular", "--column=Minutes"],
            CHURN,
            "not used: constant",
            {"target": "Minutes", "categories": ["Tariff", "Churn"], "ignore": ["id"]},
        ),
        (
            ["--kind=series"],
            LOAD,
            "700 rows; not used: wind",
            {"time": "when", "value": "load", "problems": "error", "window": 48, "lags": []},
        ),
        (
            ["--kind=series", "--column=wind"],
            LOAD.replace("2024-01-03 05:00,3,5.5\n", ""),
            "not used: load",
            {"value": "wind", "problems": "interpolate"},
        ),
        (
            ["--kind=series"],
            SHOPS,
            "400 rows",
            {"value": "sold", "series": "shop", "problems": "error", "window": 13, "lags": []},
        ),
        (
            ["--kind=series"],
            LOAD.replace("2024-01-03 05:00,3,5.5\n", "2024-01-03 05:00,3,?\n"),
            "not used: wind",
            {"value": "load", "missing": ["?"], "problems": "interpolate"},
        ),
        (
            ["--kind=series"],
            UNEVEN,
            "900 rows",
            {"value": "heat", "resample": "1h", "problems": "interpolate"},
        ),
        (
            ["--kind=series"],
            YEARS,
            "not used: year",
            {"time": "at", "value": "level", "window": 28},
        ),
        (
            ["--kind=series"],
            CLOCK,
            "not used: wind",
            {"time": ["Date", "Time"], "missing": ["-200"], "problems": "interpolate"},
        ),
        (
            ["--kind=series"],
            WIDE,
            "300 rows\n",
            {"time": "index", "value": "value", "wide": ["MT_*"], "problems": "error"},
        ),
        (
            ["--kind=series"],
            "Year,Month,sold\n"
            + "".join(f"{1990 + k // 12},{1 + k % 12},{k}.5\n" for k in range(99)),
            "99 rows",
            {"time": ["Year", "Month"], "value": "sold", "problems": "error"},
        ),
        (["--kind=series", "--column=wind,load"], LOAD, "700", {"value": ["wind", "load"]}),
        (["--kind=series"], OF_R, "200 rows", {"time": "time", "problems": "error", "window": 13}),
    ],
)
def test_a_file_is_taken_for_what_it_is(
    flags: list[str], text: str, about: str, expected: dict[str, Any], inside: Path,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "my.csv").write_text(text)
    assert main(["new", f"--task={TASK}", *flags, f"--data={tmp_path / 'my.csv'}"]) == 0
    assert about in capsys.readouterr().out
    assert settings(inside).items() >= expected.items()
    kind = "table_class" if expected.get("target") == "Churn" else "table_number"
    model = (inside / "src" / "problems" / TASK / "model.py").read_text()
    assert ("Multiclass" in model) == (kind == "table_class")


def test_an_identifier_in_the_last_column_is_not_what_to_predict(
    inside: Path, tmp_path: Path
) -> None:
    rows = "".join(f"{k % 7}.5,{'ab'[k % 2]},{k // 3}\n" for k in range(90))
    (tmp_path / "my.csv").write_text("size,kind,id\n" + rows)
    assert make("tabular", f"--data={tmp_path / 'my.csv'}") == 0
    assert settings(inside)["target"] == "kind"


def test_what_each_column_was_taken_for_stands_beside_it(
    inside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.csv").write_text(CHURN)
    data = f"--data={tmp_path / 'my.csv'}"
    assert make("tabular", data, "--column=Churn,Tariff") == 0
    assert "column constant: not used, always '1', such as 1" in capsys.readouterr().out
    assert settings(inside)["target"] == ["Churn", "Tariff"]
    text = (inside / "configs" / f"{TASK}.yaml").read_text()
    assert "# column Fee: number; '0,5' is 0.5\n" in text
    assert "# column id: identifies the row, such as A-0\n" in text
    assert "batch_size: 16  # for 77 rows to train on\n" in text
    (tmp_path / "my.csv").write_text(LOAD)
    assert make("series", data, task="loads") == 0
    text = (inside / "configs" / "loads.yaml").read_text()
    assert "value: load  # numbers besides: wind; inputs: [..] learns from them" in text
    (tmp_path / "my.csv").write_text(CHURN)
    assert make("tabular", data, "--column=Churn,Fee", task="other") == 2
    assert (
        "of Churn, Fee only Fee is a number, not a class: name targets of one kind"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("kind", ["images", "multi-input", "multi-output"])
def test_a_table_of_photos_is_taken_for_what_it_is(kind: str, inside: Path, tmp_path: Path) -> None:
    columns = {"numbers": ["area"], "categories": ["town"], "photos": ["front"], "identifiers": []}
    targets = {"price": (), **({"style": ("a", "b", "c")} if kind == "multi-output" else {})}
    write_table(tmp_path / "my.csv", columns, targets, rows=20)
    target = () if kind == "multi-output" else ("--target=regression", "--column=price")
    assert make(kind, f"--data={tmp_path / 'my.csv'}", *target) == 0
    chosen = settings(inside)
    assert chosen["photos"] == ["front"]
    used = {"images": ([], []), "multi-input": (["area"], ["town"]), "multi-output": (None, None)}
    assert (chosen.get("numbers"), chosen.get("categories")) == used[kind]
    wanted = ("style", "price") if kind == "multi-output" else ("price", None)
    assert (chosen["target"], chosen.get("amount")) == wanted


def test_a_folder_of_photos_says_how_large_and_how_many_they_are(
    inside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folders(tmp_path / "photos", {"train": 40})
    assert make("images", f"--data={tmp_path / 'photos'}") == 0
    out = capsys.readouterr().out
    assert f"make train TASK={TASK} DATA={tmp_path / 'photos'}\n" in out
    count, side = re.findall(r"(\d+) photos, of about (\d+) pixels", out)[0]
    assert settings(inside) == {"image_size": int(side) // 32 * 32, "batch_size": 16}
    assert int(count) == len(list((tmp_path / "photos").rglob("*.*")))


def test_a_table_is_read_without_torch() -> None:
    """Which takes seconds to import."""
    code = "import sys, kindling.tools.new.infer; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_samples_are_the_same_each_time_and_hold_what_is_asked_for(tmp_path: Path) -> None:
    columns = {"numbers": None, "categories": ['a "b"'], "photos": ["x", "y"], "identifiers": ["k"]}
    for folder in (tmp_path / "one", tmp_path / "other"):
        write_table(folder / "t.csv", columns, {"t": ("no", "yes"), "u": ()}, rows=12)
        write_folders(folder, {"train": 2})
    files = [sorted(p for p in (tmp_path / f).rglob("*") if p.is_file()) for f in ("one", "other")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    assert len(files[0]) == 1 + 24 + 6
    table = pd.read_csv(files[0][-1] if files[0][-1].suffix == ".csv" else tmp_path / "one/t.csv")
    assert list(table) == ["k", "age", "income", 'a "b"', "t", "u", "x", "y"]
    assert table["t"].value_counts().to_dict() == {"no": 6, "yes": 6}


def test_a_problem_on_one_s_own_table_passes_its_tests(
    tree: Path, python: Run, tmp_path: Path
) -> None:
    """By the command that make calls."""
    (tmp_path / "calls.csv").write_text(CHURN)
    new = ("-m", "kindling", "new", f"--task={TASK}", "--kind=tabular")
    assert "Churn" in python(*new, f"--data={tmp_path / 'calls.csv'}")
    for check in (["check"], ["format", "--check"]):
        python("-m", "ruff", *check, "--no-cache", *WRITTEN[:2])
    python("-m", "pytest", "-p", "no:cacheprovider", WRITTEN[1])


def titanic(rows: int = 300) -> pd.DataFrame:
    """Passengers in the layout of the public Titanic file, made up."""
    rng, row = np.random.default_rng(0), np.arange(rows)
    sex = rng.choice(["male", "female"], rows)
    fare = rng.gamma(2, 15, rows).round(4)
    number = (100_000 + rng.integers(0, 300_000, rows)).astype(str)
    return pd.DataFrame(
        {
            "PassengerId": row + 1,
            "Survived": (rng.random(rows) < np.where(sex == "male", 0.2, 0.75)).astype(int),
            "Pclass": rng.integers(1, 4, rows),
            "Name": [f"Somebody, Mr. Number {k}" for k in row],
            "Sex": sex,
            "Age": np.where(row % 5, rng.integers(1, 70, rows), np.nan),
            "SibSp": rng.integers(0, 4, rows),
            "Parch": rng.integers(0, 3, rows),
            "Ticket": np.where(row % 4, number, [f"A/5 {k}" for k in number]),
            "Fare": fare,
            "Cabin": [f"C{k}" if k % 4 == 0 else None for k in row],
            "Embarked": rng.choice(["S", "C", "Q"], rows),
        }
    )


@pytest.mark.slow
def test_the_titanic_is_learned_from_as_it_is(tree: Path, python: Run, tmp_path: Path) -> None:
    titanic().to_csv(tmp_path / "titanic.csv", index=False)
    data = f"--data={tmp_path / 'titanic.csv'}"
    python("-m", "kindling", "new", f"--task={TASK}", "--kind=tabular", data, "--column=Survived")
    chosen = settings(tree)
    assert chosen["numbers"] == ["Pclass", "Age", "SibSp", "Parch", "Fare"]
    assert chosen["categories"] == ["Sex", "Embarked"]
    assert chosen["ignore"] == ["PassengerId", "Name", "Ticket", "Cabin"]
    python("-m", "kindling", "train", f"--config={TASK}", f"--data.root={tmp_path}")
    results = json.loads((tree / "logs" / TASK / "latest" / "results.json").read_text())
    assert results["samples"] == 60
    assert results["skill"]["accuracy"] > 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_every_kind_passes_its_tests_and_trains(
    kind: str, target: str, python: Run, tree: Path
) -> None:
    new = ("-m", "kindling", "new", f"--task={TASK}", f"--kind={kind}")
    python(*new, f"--target={target}")
    python("-m", "pytest", "-p", "no:cacheprovider", WRITTEN[1])
    python("-m", "kindling", "train", f"--config={TASK}", "--trainer.enable_progress_bar=false")
    assert (tree / "logs" / TASK / "latest" / "results.json").is_file()
    python("-m", "mypy", "--cache-dir=/dev/null", WRITTEN[0])
