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
from tests.engine.toy import QUIET, TABLE, Run

pytestmark = pytest.mark.filterwarnings(
    # Of MLflow on SQLAlchemy 2.1, when it is imported.
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)

STOCK = "lightning.pytorch.loggers."
TRACKERS = {
    f"{STOCK}WandbLogger": {"offline": True, "project": "tests"},
    f"{STOCK}MLFlowLogger": {"experiment_name": "tests"},
}
FILES: dict[str, dict[str, Any]] = {
    f"{STOCK}CSVLogger": {"save_dir": "."},
    f"{STOCK}TensorBoardLogger": {"save_dir": "."},
    f"{__name__}.Lines": {},
}
LOGGED = ("val/loss", "test/accuracy", "gradient_norm/net.output")
Curve = dict[int, float]


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


@pytest.fixture(scope="module", params=[FILES], ids=["files"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was trained and tested, gone on with, and tested again, all in this process."""
    folder = tmp_path_factory.mktemp("loggers")
    chosen = [{"class_path": name, "init_args": args} for name, args in request.param.items()]
    config = folder / "loggers.yaml"
    config.write_text(yaml.safe_dump({"trainer": {"logger": chosen}}))
    flags = (f"--config={config}", f"--logs={folder / 'logs'}", QUIET)
    assert main(["train", *TABLE, *flags]) == 0
    made = Run(folder / "logs" / "toy" / "latest")
    wandb.finish()  # as at the end of the process
    assert main(["fit", f"--run={made.folder}", "--trainer.max_epochs=3", QUIET]) == 0
    assert main(["test", f"--run={made.folder}", QUIET]) == 0
    wandb.finish()
    assert {path.name for path in Path.cwd().iterdir()}.isdisjoint({"wandb", "mlruns", "mlflow.db"})
    return made


TRACKED = pytest.mark.parametrize("run", [TRACKERS], indirect=True, ids=["trackers"])


def curve(run: Run) -> Curve:
    return {int(row["step"]): row["val/loss"] for row in run.rows()}


def best_step(run: Run, epochs: int = 3) -> int:
    losses = dict(list(curve(run).items())[:epochs])
    return min(losses, key=lambda step: losses[step]) + 1


def check(run: Run, at: dict[str, Curve]) -> None:
    """Curves by name, by step: as in our own files, tested after two epochs and after three."""
    assert at["val/loss"] == pytest.approx(curve(run), rel=1e-5)
    assert at["test/accuracy"].keys() == {best_step(run, 2), best_step(run)}
    score = run.scores()["accuracy"]
    assert at["test/accuracy"][best_step(run)] == pytest.approx(score, rel=1e-5)
    if "gradient_norm/net.output" in at:
        assert at["gradient_norm/net.output"][0] > 0


def title(run: Run) -> str:
    return f"toy-{run.folder.name}"


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


@pytest.mark.slow
@TRACKED
def test_wandb_has_one_run(run: Run) -> None:
    parts = sorted(run.folder.glob("wandb/offline-run-*/*.wandb"))
    found = [record for path in parts for record in records(path)]
    begun = [r.run for r in found if r.WhichOneof("record_type") == "run"]
    assert len(parts) == 2, "a process each, though the first has trained and tested"
    [number] = run.json("loggers")["WandbLogger"]
    named = {(r.run_id, r.display_name, r.project) for r in begun}
    assert named == {(number, title(run), "tests")}
    settings = {u.key: json.loads(u.value_json) for r in found for u in r.config.update}
    assert settings["data"]["class_path"].endswith("ToyTable")
    assert settings["trainer"]["max_epochs"] == 3
    rows = [
        {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in r.history.item}
        for r in found
        if r.WhichOneof("record_type") == "history"
    ]
    names = (*LOGGED, "test/predicted/_type")
    at = {n: {row["trainer/global_step"]: row[n] for row in rows if n in row} for n in names}
    check(run, at)
    assert at["test/predicted/_type"].keys() == at["test/accuracy"].keys()
    assert list(run.folder.glob("wandb/*/files/media/images/val/predicted*.png"))


@pytest.mark.slow
@TRACKED
def test_mlflow_has_one_run(run: Run) -> None:
    logs = run.folder.parents[1]
    with sqlite3.connect(logs / "mlflow.db") as database:
        ask = database.execute
        [(uuid, name, status)] = ask("select run_uuid, name, status from runs").fetchall()
        [(experiment,)] = ask("select name from experiments where name != 'Default'").fetchall()
        settings = dict(ask("select key, value from params").fetchall())
        values = "select step, value from metrics where key = ?"
        at = {name: dict(ask(values, [name]).fetchall()) for name in LOGGED}
    database.close()
    assert run.json("loggers")["MLFlowLogger"] == [uuid]
    assert (name, status, experiment) == (title(run), "FINISHED", "tests")
    assert settings["trainer/max_epochs"] == "2", "as it was first, which MLflow holds on to"
    check(run, at)
    figures = logs / "mlflow" / uuid / "artifacts" / "figures"
    assert list(figures.glob("val/predicted_*.png"))
    assert (figures / "test" / f"predicted_{best_step(run)}.png").is_file()


def test_csv_has_a_folder_for_each_command(run: Run) -> None:
    """Lightning's logger deletes what it finds in one."""
    tables = sorted(run.folder.glob("lightning_logs/version_*/metrics.csv"))
    assert len(tables) == 4
    rows = [row for table in tables for row in csv.DictReader(table.read_text().splitlines())]
    losses = {int(r["step"]): float(r["val/loss"]) for r in rows if r.get("val/loss")}
    assert losses == pytest.approx(curve(run))
    assert rows[-1]["step"] == str(best_step(run))
    assert float(rows[-1]["test/accuracy"]) == pytest.approx(run.scores()["accuracy"])
    settings = yaml.safe_load(tables[0].with_name("hparams.yaml").read_text())
    assert settings["data"]["class_path"].endswith("ToyTable")


def test_tensorboard_of_lightning_goes_on(run: Run) -> None:
    [folder] = {path.parent for path in run.folder.glob("lightning_logs/version_*/events*")}
    events = EventAccumulator(str(folder), {"scalars": 0}).Reload()
    check(run, {name: {e.step: e.value for e in events.Scalars(name)} for name in LOGGED})
    assert {"val/predicted", "test/predicted"} <= set(events.Tags()["images"])


def test_a_logger_that_nobody_knows_works(run: Run) -> None:
    lines = [json.loads(line) for line in (run.folder / "first.jsonl").read_text().splitlines()]
    assert run.json("loggers")["Lines"] == ["first"]
    assert lines[0]["settings"]["data"]["class_path"].endswith("ToyTable")
    check(run, {n: {x["step"]: x[n] for x in lines if n in x} for n in LOGGED})


def test_our_own_files_are_the_same_beside_others(run: Run, tmp_path: Path) -> None:
    assert main(["fit", *TABLE, f"--logs={tmp_path}", QUIET]) == 0
    assert run.table()[:2] == Run(tmp_path / "toy" / "latest").table()
    assert run.checkpoint("best")
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["trainer"]["logger"][0]["init_args"]["version"] is None, "run again, it is new"


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
    assert main(["fit", *TABLE, f"--trainer.logger={name}", f"--logs={tmp_path}", QUIET]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kindling: trainer.logger={name}")
    assert said in line
    assert not list(tmp_path.glob("toy/*"))
