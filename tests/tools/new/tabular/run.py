"""The problem through the command line, on its sample."""

import csv
import json
from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.data import paths
from kindling.tools.new.tabular.sample import FILE, TARGET, write_sample

QUIET = "--trainer.enable_progress_bar=false"
SCORE = "f1_macro"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained and tested on the sample."""
    logs = tmp_path_factory.mktemp("trained")
    assert main(["train", "--config=tabular", QUIET, f"--logs={logs}"]) == 0
    return (logs / "tabular" / "latest").resolve()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_sample_is_learned(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["data"]["sample"] is True
    assert results["skill"][SCORE] > 0.1
    assert len(list((trained / "figures").glob("*.png"))) >= 2


def test_predictions_are_of_the_file_s_rows(trained: Path) -> None:
    source = rows_of(paths.SAMPLES / "tabular" / FILE)
    predictions = rows_of(trained / "predictions.csv")
    assert len(predictions) == 0.2 * len(source)
    for row in predictions:
        assert row[TARGET][:4] == source[int(row["row"]) - 2][TARGET][:4]


def test_a_run_predicts_without_targets(trained: Path, tmp_path: Path) -> None:
    source = rows_of(paths.SAMPLES / "tabular" / FILE)[:3]
    with (tmp_path / "new.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, [name for name in source[0] if name != TARGET])
        table.writeheader()
        table.writerows({k: v for k, v in row.items() if k != TARGET} for row in source)
    assert main(["predict", f"--run={trained}", f"--data.input={tmp_path / 'new.csv'}", QUIET]) == 0
    assert [row["row"] for row in rows_of(trained / "predictions" / "new.csv")] == ["2", "3", "4"]


def test_the_sample_follows_from_its_seed(tmp_path: Path) -> None:
    contents = []
    for number, seed in enumerate((0, 0, 1)):
        (tmp_path / str(number)).mkdir()
        write_sample(tmp_path / str(number), seed)
        contents.append((tmp_path / str(number) / FILE).read_text())
    assert contents[0] == contents[1] != contents[2]


def test_a_wrong_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--config=tabular", "--data.root=/nowhere", QUIET, f"--logs={tmp_path}"]
    assert main(["fit", *flags]) == 2
    error = capsys.readouterr().err.strip()
    assert "/nowhere: no such folder (--data.root)" in error
    assert "\n" not in error
