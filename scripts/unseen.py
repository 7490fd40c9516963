"""What the defaults are worth on tables that nobody tuned them for, beside other methods.

python scripts/unseen.py [--seeds 3] [--sets diabetes wine] [--results logs/unseen.json]

Each set is a CSV file from which `kindling new` makes a problem in a copy of the project, and
`kindling train` trains it with nothing changed. The other methods get the same rows to learn from,
those of validation included, and the same rows to predict. What was measured is kept, so that a run
that was stopped goes on where it was. Sets of statsmodels are taken where it is installed.
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
import pandas as pd
from sklearn import datasets, ensemble, linear_model, metrics, pipeline, preprocessing

PROJECT = Path(__file__).resolve().parents[1]
TARGET = "target"
OURS = "Kindling"
Score = dict[str, float]


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="cuts of each set")
    parser.add_argument("--sets", nargs="*", help="names of sets; all")
    parser.add_argument("--results", type=Path, default=Path("logs/unseen.json"))
    parser.add_argument("--output", type=Path, default=PROJECT / "docs" / "unseen.md")
    chosen = parser.parse_args(args)
    found: dict[str, Score] = {}
    if chosen.results.exists():
        found = json.loads(chosen.results.read_text())
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(chosen.seeds):
        for name in chosen.sets or SETS:
            if f"{name}/{seed}/{OURS}" not in found:
                found |= measure(name, seed)
                chosen.results.write_text(json.dumps(found, indent=1))
                print(name, seed, {k.split("/")[2]: v["score"] for k, v in found.items()
                                   if k.startswith(f"{name}/{seed}/")}, flush=True)  # fmt: skip
    chosen.output.write_text(page(found))


def measure(name: str, seed: int) -> dict[str, Score]:
    """Every method's score on one cut of a set, and its CPU seconds."""
    table = SETS[name][2]()
    with tempfile.TemporaryDirectory() as folder:
        test, predicted, seconds = train(table, Path(folder), seed)
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
    return {f"{name}/{seed}/{method}": value for method, value in each.items()}


def train(table: pd.DataFrame, folder: Path, seed: int) -> tuple[pd.Index, np.ndarray, float]:
    """The rows that Kindling tested, what it says of them, and its CPU seconds."""
    left_out = shutil.ignore_patterns("__pycache__")
    for part in ("src", "configs"):
        shutil.copytree(PROJECT / part, folder / part, ignore=left_out)
    (folder / "data").mkdir()
    table.to_csv(folder / "data" / "unseen.csv", index=False)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    kindling(folder, "new", "--task=unseen", "--kind=tabular", "--data=data/unseen.csv",
             f"--column={TARGET}")  # fmt: skip
    kindling(folder, "train", "--config=unseen", "--data.root=data", f"--data.split_seed={seed}",
             f"--seed_everything={seed}", "--trainer.enable_progress_bar=false")  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    predictions = pd.read_csv(folder / "logs" / "unseen" / "latest" / "predictions.csv")
    classes = [name for name in predictions if name.startswith("probability_")]
    values = predictions[classes or "prediction"].to_numpy()
    return table.index[predictions["row"] - 2], values, seconds


def kindling(folder: Path, *args: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
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
    for title, kind, better in (("Numbers", "number", "RMSE"), ("Classes", "class", "AUROC")):
        rows = results[results["set"].map(lambda name, kind=kind: SETS[name][0] == kind)]
        if rows.empty:
            continue
        means = rows.pivot_table(index="set", columns="method", values="score", sort=False)
        # Each cut is ranked by itself.
        cuts = rows.pivot_table(index=["set", "seed"], columns="method", values="score")
        ranks = cuts.rank(axis=1, ascending=kind == "number")
        cpu = rows.pivot_table(columns="method", values="cpu")
        ranks, cpu = ranks[means.columns], cpu[means.columns]
        half = {h: [n for n in means.index if SETS[n][1] == h] for h in ("chosen", "checked")}
        text += ["", f"## {title}, {better}", "", "| set | " + " | ".join(means) + " |",
                 "|---|" + "---|" * means.shape[1]]  # fmt: skip
        for name, values in means.iterrows():
            text.append(f"| {name} ({SETS[str(name)][1]}) | {_cells(values, '.4g')} |")
        for label, names in (("all", list(means.index)), *half.items()):
            if names:
                text.append(
                    f"| **mean rank, {label}** | {_cells(ranks.loc[names].mean(), '.2f')} |"
                )
        text.append(f"| CPU seconds | {_cells(cpu.loc['cpu'], '.1f')} |")
    return "\n".join(text) + "\n"


def _cells(values: "pd.Series[float]", form: str) -> str:
    return " | ".join(format(value, form) for value in values)


HEAD = """# Tables that nobody tuned for

`python scripts/unseen.py` makes a problem of each set by `kindling new`, trains it by
`kindling train` with nothing changed, and fits the others to the same rows, those that Kindling
takes for validation included. Means over the cuts; ranks are of each cut. Rules were chosen on the
sets marked "chosen", on one cut; width and bins for classes were changed once after the others had
been measured too, by the validation rows of "mixture". CPU seconds are of fitting and predicting,
Kindling's with the start of two commands, the evaluation and its intervals."""


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


def modelled(name: str, target: str) -> pd.DataFrame:
    """A set of statsmodels'."""
    import statsmodels.api

    return of_frame(getattr(statsmodels.api.datasets, name).load_pandas().data, target)


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
"""Kind of target and half; series and photos have a place here once they are measured."""
if find_spec("statsmodels") is not None:
    SETS["affairs"] = ("number", "checked", partial(modelled, "fair", "affairs"))
    SETS["votes"] = ("number", "checked", partial(modelled, "anes96", "vote"))

scaled = preprocessing.StandardScaler
NUMBERS: dict[str, Callable[[], Any]] = {
    "ridge": lambda: pipeline.make_pipeline(scaled(), linear_model.RidgeCV(np.logspace(-3, 3, 13))),
    "forest": lambda: ensemble.RandomForestRegressor(300, random_state=0),
    "hist. boosting": lambda: ensemble.HistGradientBoostingRegressor(random_state=0),
}
CLASSES: dict[str, Callable[[], Any]] = {
    "logistic": lambda: pipeline.make_pipeline(
        scaled(), linear_model.LogisticRegression(max_iter=2000)
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
