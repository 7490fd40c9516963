"""A Markdown table of runs' test scores: mean and standard deviation over the seeds of a variant.

python scripts/scores.py --by model.cell logs/timeseries/version_*
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run folders that have results.json")
    parser.add_argument("--by", default="model.cell", help="the setting that tells variants apart")
    chosen = parser.parse_args(args)
    variants: dict[str, list[Path]] = {}
    for run in chosen.runs:
        variants.setdefault(str(setting(run, chosen.by)), []).append(run)
    print("\n".join(table(chosen.by, variants)))


def table(by: str, variants: dict[str, list[Path]]) -> list[str]:
    """Lines of Markdown: a row a variant, then the baseline."""
    first = read(next(iter(variants.values()))[0] / "results.json")
    names = list(first["metrics"])
    lines = [
        f"| {by} | runs | {' | '.join(names)} | training |",
        "|---" * (len(names) + 3) + "|",
    ]
    for variant, runs in variants.items():
        scores = [read(run / "results.json")["metrics"] for run in runs]
        cells = [spread([score[name]["value"] for score in scores]) for name in names]
        seconds = [read(run / "provenance.json")["wall_time_s"] for run in runs]
        time = f"{statistics.median(seconds):.0f} s"
        lines.append(f"| {variant} | {len(runs)} | {' | '.join(cells)} | {time} |")
    for baseline in (first["baseline"], *first["other_baselines"]):
        cells = [f"{baseline['metrics'][name]['value']:.4f}" for name in names]
        lines.append(f"| {baseline['name']} | | {' | '.join(cells)} | |")
    return lines


def setting(run: Path, name: str) -> Any:
    """A run's setting by its option's name."""
    part, _, key = name.partition(".")
    section = yaml.safe_load((run / "config.yaml").read_text())[part]
    return section.get("init_args", section)[key]


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    if len(values) < 2:
        return f"{values[0]:.4f}"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
