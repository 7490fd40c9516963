"""Other loggers beside ours: real packages, offline, and what they have written is read back."""

import csv
import json
import sqlite3
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml
from lightning.pytorch.loggers import CSVLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto.wandb_internal_pb2 import Record

from kindling.__main__ import main
from kindling.runs import folder as runs

pytestmark = pytest.mark.filterwarnings(
    # Of MLflow on SQLAlchemy 2.1, when it is imported.
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)

SMOKE = ("--config=timeseries", "--config=smoke", "--data.window=8", "--model.hidden=8")
QUIET = "--trainer.enable_progress_bar=false"
EPOCH = 5
"""Steps of one."""

LOGGERS = {
    "lightning.pytorch.loggers.WandbLogger": {"offline": True, "project": "tests"},
    "lightning.pytorch.loggers.MLFlowLogger": {"experiment_name": "tests"},
    "lightning.pytorch.loggers.CSVLogger": {"save_dir": "."},
    "lightning.pytorch.loggers.TensorBoardLogger": {"save_dir": "."},
    "tests.engine.runs.test_loggers.Lines": {},
}


class Lines(CSVLogger):
    """A logger that nobody knows: a line for each call, in a file called by its version."""

    def __init__(self, save_dir: str = ".", version: str | None = None) -> None:
        super().__init__(save_dir, version=version or "first")
        self._file = Path(save_dir, f"{self.version}.jsonl")

    @property
    def experiment(self) -> Any:
        return None

    def _write(self, content: Any) -> None:
        with self._file.open("a") as stream:
            stream.write(json.dumps(content, default=str) + "\n")

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self._write({**metrics, "step": step})

    def log_hyperparams(self, params: Any = None) -> None:
        self._write({"settings": params})

    def save(self) -> None:
        pass


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained and tested, gone on with, and tested again, all in this process."""
    folder = tmp_path_factory.mktemp("loggers")
    chosen = [{"class_path": name, "init_args": args} for name, args in LOGGERS.items()]
    config = folder / "loggers.yaml"
    config.write_text(yaml.safe_dump({"trainer": {"logger": chosen}}))
    logs = folder / "logs"
    assert main(["train", *SMOKE, f"--config={config}", f"--logs={logs}", QUIET]) == 0
    made = (logs / "timeseries" / "latest").resolve()
    wandb.finish()  # as at the end of the process
    assert main(["fit", f"--run={made}", "--trainer.max_epochs=3", QUIET]) == 0
    assert main(["test", f"--run={made}", QUIET]) == 0
    wandb.finish()
    assert {path.name for path in Path.cwd().iterdir()}.isdisjoint({"wandb", "mlruns", "mlflow.db"})
    return made


def curve(run: Path) -> dict[int, float]:
    with (run / "metrics.csv").open(newline="") as stream:
        return {int(row["step"]): float(row["val/loss"]) for row in csv.DictReader(stream)}


def best_step(run: Path, epochs: int = 3) -> int:
    losses = dict(list(curve(run).items())[:epochs])
    return min(losses, key=lambda step: losses[step]) + 1


def scored(run: Path) -> set[int]:
    """The steps of what was tested, first after two epochs and then after three."""
    return {best_step(run, 2), best_step(run)}


def score(run: Path) -> Any:
    results = json.loads((run / "results.json").read_text())
    return pytest.approx(results["metrics"]["mse"]["value"], rel=1e-5)


def records(path: Path) -> Iterator[Record]:
    """What W&B keeps of an offline run, in the log format of LevelDB below a header of its own."""
    content, place, whole = path.read_bytes(), 7, b""
    while place < len(content):
        if (left := 2**15 - place % 2**15) < 7:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # the whole of a record, or its end
            record = Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def test_wandb_has_one_run(run: Path) -> None:
    parts = sorted(run.glob("wandb/offline-run-*/*.wandb"))
    found = [record for path in parts for record in records(path)]
    begun = [r.run for r in found if r.WhichOneof("record_type") == "run"]
    assert len(parts) == 2, "a process each, though the first has trained and tested"
    assert {(r.run_id, r.display_name, r.project) for r in begun} == {
        (json.loads((run / "loggers.json").read_text())["WandbLogger"][0], title(run), "tests")
    }
    settings = {u.key: json.loads(u.value_json) for r in found for u in r.config.update}
    assert settings["model"]["init_args"]["hidden"] == 8
    assert settings["trainer"]["max_epochs"] == 3
    rows = [
        {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in r.history.item}
        for r in found
        if r.WhichOneof("record_type") == "history"
    ]
    at = {
        name: {row["trainer/global_step"]: row[name] for row in rows if name in row}
        for name in ("val/loss", "test/mse", "gradient_norm/nets.0.readout", "test/forecast/_type")
    }
    assert at["val/loss"] == pytest.approx(curve(run))
    assert at["test/mse"].keys() == scored(run)
    assert at["test/mse"][best_step(run)] == score(run)
    assert at["test/forecast/_type"].keys() == scored(run)
    assert at["gradient_norm/nets.0.readout"][0] > 0
    assert list(run.glob("wandb/*/files/media/images/val/forecast*.png"))


def title(run: Path) -> str:
    return f"{run.parent.name}-{run.name}"


def test_mlflow_has_one_run(run: Path) -> None:
    with sqlite3.connect(run.parents[1] / "mlflow.db") as database:
        ask = database.execute
        [(uuid, name, status)] = ask("select run_uuid, name, status from runs").fetchall()
        [(experiment,)] = ask("select name from experiments where name != 'Default'").fetchall()
        settings = dict(ask("select key, value from params").fetchall())
        at = {
            name: dict(ask("select step, value from metrics where key = ?", [name]).fetchall())
            for name in ("val/loss", "test/mse", "gradient_norm/nets.0.readout")
        }
    database.close()
    assert json.loads((run / "loggers.json").read_text())["MLFlowLogger"] == [uuid]
    assert (name, status, experiment) == (title(run), "FINISHED", "tests")
    assert settings["model/init_args/hidden"] == "8"
    assert settings["trainer/max_epochs"] == "2", "as it was first, which MLflow holds on to"
    assert at["val/loss"] == pytest.approx(curve(run))
    assert at["test/mse"].keys() == scored(run)
    assert at["test/mse"][best_step(run)] == score(run)
    assert at["gradient_norm/nets.0.readout"][0] > 0
    figures = run.parents[1] / "mlflow" / uuid / "artifacts" / "figures"
    assert (figures / "val" / f"forecast_{EPOCH - 1}.png").is_file()
    assert (figures / "test" / f"forecast_{best_step(run)}.png").is_file()


def test_csv_keeps_its_rows(run: Path) -> None:
    [table] = run.glob("lightning_logs/version_*/metrics.csv")
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = {int(row["step"]): float(row["val/loss"]) for row in rows if row["val/loss"]}
    assert found == pytest.approx(curve(run))
    scores = [(int(r["step"]), float(r["test/mse"])) for r in rows if r["test/mse"]]
    assert scores[-1] == (best_step(run), score(run))
    settings = yaml.safe_load(table.with_name("hparams.yaml").read_text())
    assert settings["model"]["init_args"]["hidden"] == 8


def test_tensorboard_of_lightning_goes_on(run: Path) -> None:
    [folder] = {path.parent for path in run.glob("lightning_logs/version_*/events*")}
    events = EventAccumulator(str(folder), {"scalars": 0})
    events.Reload()
    assert {e.step: e.value for e in events.Scalars("val/loss")} == pytest.approx(curve(run))
    assert {e.step for e in events.Scalars("test/mse")} == scored(run)
    assert {"val/forecast", "test/forecast"} <= set(events.Tags()["images"])
    assert events.Scalars("gradient_norm/nets.0.readout")[0].value > 0


def test_a_logger_that_nobody_knows_works(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "first.jsonl").read_text().splitlines()]
    assert json.loads((run / "loggers.json").read_text())["Lines"] == ["first"]
    assert lines[0]["settings"]["model"]["init_args"]["hidden"] == 8
    found = {line["step"]: line["val/loss"] for line in lines if "val/loss" in line}
    assert found == pytest.approx(curve(run))
    assert {line["step"] for line in lines if "test/mse" in line} == scored(run)


def test_our_own_files_are_the_same_beside_others(run: Path, tmp_path: Path) -> None:
    alone = ["fit", *SMOKE, "--trainer.max_epochs=2", f"--logs={tmp_path}", QUIET]
    assert main(alone) == 0
    plain = (tmp_path / "timeseries" / "version_0" / "metrics.csv").read_text().splitlines()
    assert (run / "metrics.csv").read_text().splitlines()[:3] == plain
    assert (run / runs.BEST).is_file()
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["trainer"]["logger"][0]["init_args"]["id"] is None, "run again, it is a new run"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("WandbLogger", "needs wandb, which is not installed: pip install -e '.[wandb]'"),
        ("MLFlowLogger", "needs mlflow-skinny, which is not installed: pip install -e '.[mlflow]'"),
        ("CometLogger", "Requirement 'comet-ml"),
    ],
)
def test_a_logger_that_is_not_installed_is_one_line(
    name: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("wandb", "mlflow"):
        monkeypatch.setitem(sys.modules, module, None)
    status = main(["fit", *SMOKE, f"--trainer.logger={name}", f"--logs={tmp_path}", QUIET])
    [line] = capsys.readouterr().err.splitlines()
    assert (status, list(tmp_path.glob("timeseries/*"))) == (2, [])
    assert line.startswith(f"kindling: trainer.logger={name}")
    assert said in line
