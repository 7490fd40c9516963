"""Test scores of runs with some test files left out, to see what those were worth.

python scripts/left_out.py data/clouds/leaky_test_files.txt logs/clouds/version_*
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from torchmetrics.functional.classification import multiclass_f1_score


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=Path, help="a file name a line, as class/photo; # comments")
    parser.add_argument("runs", nargs="+", type=Path, help="run folders that have predictions.csv")
    chosen = parser.parse_args(args)
    lines = chosen.files.read_text().splitlines()
    names = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    tables = [pd.read_csv(run / "predictions.csv") for run in chosen.runs]
    leaky = [table["file"].map(lambda f: f.partition("/")[2] in names) for table in tables]
    print("| test photos | accuracy | macro F1 |\n|---|---|---|")
    print(row("all", tables))
    print(row("listed left out", [t[~k] for t, k in zip(tables, leaky, strict=True)]))
    print(row("listed alone", [t[k] for t, k in zip(tables, leaky, strict=True)]))


def row(name: str, tables: Sequence[pd.DataFrame]) -> str:
    """Mean and standard deviation over the runs, as a row of Markdown."""
    scores = zip(*(score(table) for table in tables), strict=True)
    cells = [spread(list(values)) for values in scores]
    return f"| {name} ({len(tables[0])}) | {' | '.join(cells)} |"


def spread(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


def score(table: pd.DataFrame) -> tuple[float, float]:
    """Accuracy and macro F1."""
    classes = sorted({*table["class"], *table["prediction"]})
    message, truth = (
        torch.tensor([classes.index(name) for name in table[column]])
        for column in ("prediction", "class")
    )
    f1 = multiclass_f1_score(message, truth, max(len(classes), 2), average="macro")
    return float((message == truth).float().mean()), float(f1)


if __name__ == "__main__":
    main()
