"""Bad input against what is said of it, and odd input that has to work, for every problem.

What is refused is refused in one line with exit status 2, leaves no run folder, and changes nothing
that was there.
"""

import csv
import errno
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kindling import paths
from kindling.__main__ import main
from kindling.content import fingerprint
from kindling.datamodule import DataModule, write_once
from kindling.problems.potability.data import PotabilityDataModule
from kindling.problems.timeseries.series import read_series

Rows = list[list[str]]
SMALL = ("--data.image_size=8", "--model.channels=[4]")
TASKS = {
    "potability": ("--model.hidden=[4]",),
    "timeseries": ("--model.hidden=4", "--data.window=4", "--data.lags=[]", "--data.test=null"),
    "clouds": SMALL,
    "prices": SMALL,
    "faces": SMALL,
}
TABLES = {"potability": "water_potability.csv", "timeseries": "electricity_train.csv"}
TABLES |= {"prices": "offers.csv", "faces": "faces.csv"}
NUMBER = {"potability": 0, "timeseries": 1, "prices": 0, "faces": 2}
"""The column of each table that holds a number."""

PHOTOS = {"clouds": "clouds_train/fog/0.png", "prices": "p/0.png", "faces": "p/0.png"}
"""A photo of each problem."""

ODD = ("a b.png", "it's.png", 'a "b".png', "небо 空.png", "a\nb.png", "$x^{$.png", "a,b;c.png")


def quick(tasks: Iterable[str], chosen: Sequence[str]) -> list[Any]:
    """The tasks, of which all but the chosen ones are left to `make test-all`."""
    return [t if t in chosen else pytest.param(t, marks=pytest.mark.slow) for t in tasks]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")


# Small sound data of each problem.


def rows_of(task: str) -> Rows:
    if task == "potability":
        body = [[f"{k % 7}.5", "" if k % 5 == 0 else f"{k % 3}", f"{k % 2}"] for k in range(40)]
        return [["a", "b", "Potability"], *body]
    if task == "timeseries":
        times = np.datetime64("2024-01-01T00") + np.arange(80) * np.timedelta64(1, "h")
        return [
            ["timestamp", "consumption"],
            *([str(time), f"{k % 24}.5"] for k, time in enumerate(times)),
        ]
    if task == "prices":
        body = [[f"{30 + k}.5", "ab"[k % 2], f"p/{k}.png", f"{1000 + 9 * k}"] for k in range(24)]
        return [["area", "place", "front", "price"], *body]
    return [["file", "identity", "age"], *([f"p/{k}.png", "XYZ"[k % 3], f"{k}"] for k in range(24))]


def as_text(rows: Rows, separator: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


def write(task: str, root: Path) -> Path:
    root.mkdir(parents=True)
    if task == "clouds":
        for number, split in enumerate(["clouds_train"] * 6 + ["clouds_test"] * 3):
            for kind in ("fog", "sun"):
                photo(root / split / kind / f"{number}.png", 2 * number + (kind == "sun"))
        return root
    write_table(task, root, rows_of(task))
    if task in PHOTOS:
        for number in range(24):
            photo(root / "p" / f"{number}.png", number)
    return root


def write_table(task: str, root: Path, rows: Rows) -> None:
    (root / TABLES[task]).write_text(as_text(rows))


# Running on them.


def train(task: str, root: Path, *flags: str, command: str = "train") -> int:
    logs = root.parents[1] / "logs"
    quick = ("--config=smoke", "--trainer.max_epochs=1", "--threads=1", f"--logs={logs}")
    quiet = "--trainer.enable_progress_bar=false"
    own = (*TASKS[task], f"--data.root={root}")
    return main([command, f"--config={task}", *quick, *own, quiet, *flags])


def run_of(task: str, root: Path) -> Path:
    return (root.parents[1] / "logs" / task / "latest").resolve()


def state(folder: Path) -> dict[Path, tuple[int, int, str | bytes]]:
    """All that is below a folder: kinds and permissions, times, contents."""

    def content(path: Path) -> str | bytes:
        if path.is_symlink():
            return str(path.readlink())
        return path.read_bytes() if path.is_file() else ""

    found = [folder, *folder.rglob("*")]
    return {p: (p.lstat().st_mode, p.lstat().st_mtime_ns, content(p)) for p in found}


@pytest.fixture
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return write(request.getfixturevalue("task"), tmp_path / "data" / "set")


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What training says of data that it refuses, below the folder ``data``."""

    def run(task: str, root: Path, *flags: str) -> str:
        before = state(tmp_path / "data")
        assert train(task, root, *flags) == 2
        error = capsys.readouterr().err
        assert error.startswith("kindling: ")
        assert error.count("\n") == 1
        assert state(tmp_path / "data") == before
        assert not [p for p in (tmp_path / "logs").rglob("*") if ".tensorboard" not in str(p)]
        return error

    return run


# Tables.


def changed(column: int, cell: str, row: int | None = 3) -> Callable[[Rows], Rows]:
    """Rows with another cell; in all rows but the header where none is named."""

    def change(rows: Rows) -> Rows:
        for number in range(1, len(rows)) if row is None else [row]:
            rows[number][column] = cell
        return rows

    return change


NO_NUMBER = "is not a number"
BAD_TABLES: dict[str, tuple[Callable[[str, Rows], str | bytes], dict[str, str]]] = {
    "empty": (
        lambda task, rows: "",
        {"timeseries": "row 1 is empty", "": "the file is empty"},
    ),
    "no rows": (
        lambda task, rows: as_text(rows[:1]),
        {"timeseries": "no rows below the header", "": "a header and no rows"},
    ),
    "two rows": (
        lambda task, rows: as_text(rows[:3]),
        {"timeseries": "set a smaller window", "faces": "add photos", "": "too few for 3 parts"},
    ),
    "infinity": (
        lambda task, rows: as_text(changed(NUMBER[task], "inf")(rows)),
        {"timeseries": "row 4, timestamp", "": "row 4, column"},
    ),
    "decimal commas between commas": (
        lambda task, rows: as_text(changed(NUMBER[task], "1,5")(rows)),
        {"": NO_NUMBER},
    ),
    "a word": (
        lambda task, rows: as_text(changed(NUMBER[task], "much")(rows)),
        {"": NO_NUMBER},
    ),
    "a null byte": (
        lambda task, rows: as_text(changed(NUMBER[task], "1\0")(rows)),
        {"": NO_NUMBER},
    ),
    "a name twice": (
        lambda task, rows: as_text([[*row, row[0]] for row in rows]),
        {"timeseries": "several columns are named", "": "is used twice"},
    ),
    "Latin-1": (
        lambda task, rows: as_text(changed(1, "é")(rows)).encode("latin-1"),
        {"": "UTF-8"},
    ),
    "UTF-16": (lambda task, rows: as_text(rows).encode("utf-16"), {"": "UTF-8"}),
    "an open quote": (
        lambda task, rows: as_text(rows) + '"1',
        {"timeseries": "not a well-formed CSV", "": "row"},
    ),
}


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize("fault", BAD_TABLES)
def test_a_bad_table_is_refused(task: str, fault: str, root: Path, refused: Refused) -> None:
    make, messages = BAD_TABLES[fault]
    content = make(task, rows_of(task))
    (root / TABLES[task]).write_bytes(content.encode() if isinstance(content, str) else content)
    error = refused(task, root)
    assert messages.get(task, messages.get("")) in error


def decimal_commas(rows: Rows) -> Rows:
    return [[cell.replace(".5", ",5") for cell in row] for row in rows]


GOOD_TABLES: dict[str, Callable[[str, Rows], str]] = {
    "a byte-order mark": lambda task, rows: "\ufeff" + as_text(rows),
    "semicolons and decimal commas": lambda task, rows: as_text(decimal_commas(rows), ";"),
    "quoted newlines": lambda task, rows: as_text(
        [["two\nlines", *rows[0]], *(["x\ny", *row] for row in rows[1:])]
    ),
    "a constant column": lambda task, rows: as_text(changed(NUMBER[task], "3", None)(rows)),
}


@pytest.mark.parametrize("task", quick(TABLES, ["potability", "timeseries"]))
@pytest.mark.parametrize("layout", GOOD_TABLES)
def test_an_odd_table_is_learned_from(task: str, layout: str, root: Path) -> None:
    content = GOOD_TABLES[layout](task, rows_of(task))
    (root / TABLES[task]).write_text(content)
    chosen = ["--data.features=[a,b]"] if task == "potability" else []
    assert train(task, root, *chosen, command="fit") == 0


def test_decimal_commas_are_the_same_series(tmp_path: Path) -> None:
    rows, values = rows_of("timeseries"), []
    for text in (as_text(rows), as_text(decimal_commas(rows), ";"), as_text(rows, "\t")):
        (tmp_path / "load.csv").write_text(text)
        values.append(read_series(tmp_path / "load.csv").values.tolist())
    assert values[0] == values[1] == values[2]


def one_class(task: str, root: Path) -> None:
    if task == "clouds":
        for split in ("clouds_train", "clouds_test"):
            shutil.rmtree(root / split / "fog")
    else:
        column, cell = {"potability": (2, "1"), "faces": (1, "X")}[task]
        write_table(task, root, changed(column, cell, None)(rows_of(task)))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("potability", "every label is 1: both are needed"),
        ("clouds", "1 classes (sun): it takes two or more"),
        ("faces", "1 people in training (X): it takes two or more"),
    ],
)
def test_one_class_alone_is_refused(task: str, message: str, root: Path, refused: Refused) -> None:
    one_class(task, root)
    assert message in refused(task, root)


@pytest.mark.parametrize("task", ["clouds"])
def test_one_photo_of_a_class_is_refused(task: str, root: Path, refused: Refused) -> None:
    for file in (root / "clouds_train" / "fog").glob("[1-9].png"):
        file.unlink()
    assert "too few for 2 parts" in refused(task, root)


# Photos.


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of black pixels, a bit each; in other words, of next to nothing."""
    pixels = zlib.compress(bytes((1 + width // 8) * height), 1)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    coded = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(coded)


def truncated() -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()[:-400]


@cache
def bad_photos() -> dict[str, tuple[bytes, str]]:
    bomb = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000)))
    return {
        "empty": (b"", "the file is empty"),
        "text": (b"hello", "not an image that Pillow reads"),
        "truncated": (truncated(), "broken image"),
        "a bomb": (png(9, 9, bomb), "broken image"),
        "30,000 x 30,000": (png(30_000, 30_000), "too many pixels to be a photo"),
    }


BAD_PHOTOS = ("empty", "text", "truncated", "a bomb", "30,000 x 30,000")


@pytest.mark.parametrize("task", PHOTOS)
@pytest.mark.parametrize("fault", BAD_PHOTOS)
def test_a_bad_photo_is_refused(task: str, fault: str, root: Path, refused: Refused) -> None:
    content, message = bad_photos()[fault]
    (root / PHOTOS[task]).write_bytes(content)
    error = refused(task, root)
    assert f"{root / PHOTOS[task]}: {message}" in error


@pytest.mark.parametrize("task", ["prices", "faces"])
@pytest.mark.parametrize("link", [False, True])
def test_a_listed_photo_that_is_not_there(
    task: str, link: bool, root: Path, refused: Refused
) -> None:
    (root / "p" / "0.png").unlink()
    if link:
        (root / "p" / "0.png").symlink_to("0.png")
    assert "row 2, column" in (error := refused(task, root))
    assert "'p/0.png': no such file" in error


@pytest.mark.parametrize("task", ["clouds"])
def test_links_that_lead_in_circles_are_followed_once(
    task: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fog = root / "clouds_train" / "fog"
    (fog / "up").symlink_to(root)
    (fog / "back").symlink_to(fog)
    (fog / "self.png").symlink_to("self.png")
    (root / "clouds_test" / "sun" / "beside").symlink_to(root / "clouds_test")
    assert train(task, root, command="fit") == 0
    assert "ignored what is no image: 1 (fog/self.png)" in capsys.readouterr().err
    assert files_predicted(task, root, root) == {
        path.relative_to(root).as_posix()
        for path in root.glob("*/*/*.png")
        if path.name != "self.png"
    }


# Names.


def files_predicted(task: str, root: Path, source: Path) -> set[str]:
    """The names in the predictions of what lies in a folder."""
    run = run_of(task, root)
    quiet = "--trainer.enable_progress_bar=false"
    assert main(["predict", f"--run={run}", f"--data.input={source}", quiet]) == 0
    return {row["file"] for row in table_of(run / "predictions" / f"{source.stem}.csv")}


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("task", ["clouds"])
def test_photos_and_classes_of_any_name(task: str, root: Path) -> None:
    kind, latin = "небо\n空 '\"$x^{$", os.fsdecode(b"\xff.png")
    for split in ("clouds_train", "clouds_test"):
        (root / split / "fog").rename(root / split / kind)
        for number, name in enumerate([*ODD, latin]):
            photo(root / split / "sun" / name, 100 * len(split) + number)
    assert train(task, root) == 0
    rows = table_of(run_of(task, root) / "predictions.csv")
    assert {row["class"] for row in rows} == {kind, "sun"}
    assert {f"clouds_test/sun/{name}" for name in (*ODD, latin)} <= {row["file"] for row in rows}
    assert {f"sun/{name}" for name in (*ODD, latin)} <= files_predicted(
        task, root, root / "clouds_test"
    )


@pytest.mark.parametrize("task", ["clouds"])
def test_a_class_that_is_no_text_is_refused(task: str, root: Path, refused: Refused) -> None:
    for split in ("clouds_train", "clouds_test"):
        (root / split / "fog").rename(root / split / os.fsdecode(b"\xff"))
    assert "its name is not UTF-8; rename the folder" in refused(task, root)


@pytest.mark.parametrize("task", ["faces"])
def test_people_and_their_photos_of_any_name(task: str, root: Path) -> None:
    people = {"X": "небо\n空", "Y": '"$x^{$', "Z": "a,b; c"}
    rows = [[row[0], people.get(row[1], row[1]), row[2]] for row in rows_of(task)]
    for number, name in enumerate(ODD):
        (root / rows[number + 1][0]).rename(root / "p" / name)
        rows[number + 1][0] = f"p/{name}"
    write_table(task, root, rows)
    assert train(task, root) == 0
    tested = table_of(run_of(task, root) / "predictions.csv")
    assert {row["identity"] for row in tested} == set(people.values())
    assert {row["file"] for row in tested} <= {row[0] for row in rows}
    assert files_predicted(task, root, root / "p") == {Path(row[0]).name for row in rows[1:]}


@pytest.mark.parametrize("task", quick(["potability", "timeseries", "prices"], ["potability"]))
def test_columns_of_any_name(task: str, root: Path) -> None:
    names = ("ti\nme", 'va"$^{$ 空', "it's, or; not", "$x^{$")
    rows = rows_of(task)
    rows[0] = list(names[: len(rows[0])])
    target = rows[0][-1]
    write_table(task, root, rows)
    flags = [f"--data.time={names[0]}", f"--data.value={target}"]
    assert train(task, root, *(flags if task == "timeseries" else [f"--data.target={target}"])) == 0
    tested = table_of(run_of(task, root) / "predictions.csv")
    assert target in tested[0]
    assert task != "timeseries" or names[0] in tested[0]


# What happens while it runs.


def before_setup(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Let ``change`` happen when a run has named its columns, before it reads its data."""
    setup = DataModule.setup

    def changed_setup(self: DataModule, stage: str) -> None:
        if not self.splits:
            change()
        setup(self, stage)

    monkeypatch.setattr(DataModule, "setup", changed_setup)


def first_file(task: str, root: Path) -> Path:
    return root / (TABLES.get(task) or PHOTOS[task])


@pytest.mark.parametrize("task", ["potability", "prices", "faces"])
def test_a_table_that_changes_between_prepare_and_setup_is_refused(
    task: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before_setup(monkeypatch, lambda: write_table(task, root, rows_of(task)[:-1]))
    assert train(task, root) == 2
    assert "changed while it was read; start again" in (error := capsys.readouterr().err)
    assert error.count("\n") == 1
    assert not (root.parents[1] / "logs").exists()


@pytest.mark.parametrize("task", ["timeseries", "clouds"])
def test_what_is_read_in_setup_is_what_the_fingerprint_is_of(
    task: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change() -> None:
        if task == "clouds":
            photo(first_file(task, root), 999)
        else:
            write_table(task, root, rows_of(task)[:-1])

    before_setup(monkeypatch, change)
    assert train(task, root, command="fit") == 0
    files = [path for path in root.rglob("*") if path.is_file()]
    record = json.loads((run_of(task, root) / "provenance.json").read_text())
    assert record["data"]["sha256"] == fingerprint(files, root)


@pytest.mark.parametrize("task", TASKS)
def test_a_file_that_vanishes_between_prepare_and_setup_is_refused(
    task: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = first_file(task, root)
    before_setup(monkeypatch, file.unlink)
    assert train(task, root) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"kindling: {file}: ")
    assert error.count("\n") == 1
    assert not (root.parents[1] / "logs").exists()


@pytest.fixture
def read_only(root: Path) -> Iterator[Path]:
    everything = [root, *root.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield root
    for path in everything:
        path.chmod(0o755)


@pytest.mark.parametrize("task", quick(TASKS, ["clouds"]))
def test_data_that_may_only_be_read(task: str, read_only: Path) -> None:
    before = state(read_only)
    assert train(task, read_only, command="fit") == 0
    assert state(read_only) == before, "root may write there all the same"


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("task", quick(TASKS, ["clouds"]))
def test_a_full_disk(
    task: str, root: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(torch, "save", full)
    error = refused(task, root)
    assert "cannot save the checkpoint: No space left on device" in error


def test_a_full_disk_leaves_no_half_of_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def half(self: PotabilityDataModule, folder: Path) -> None:
        (folder / "water_potability.csv").write_text("ph,Hardn")
        full()

    monkeypatch.setattr(paths, "SAMPLES", tmp_path / "sample")
    monkeypatch.setattr(PotabilityDataModule, "write_sample", half)
    assert main(["fit", "--config=potability", f"--logs={tmp_path / 'logs'}"]) == 2
    assert capsys.readouterr().err == "kindling: writing: No space left on device\n"
    assert not [path for path in (tmp_path / "sample").iterdir() if path.suffix != ".lock"]
    assert not (tmp_path / "logs").exists()


def test_a_sample_is_written_once(tmp_path: Path) -> None:
    def slowly(folder: Path) -> None:
        written.append(folder)
        time.sleep(0.1)
        (folder / "table.csv").write_text("whole")

    written: list[Path] = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write_once(tmp_path / "sample", slowly), range(4)))
    assert len(written) == 1
    assert (tmp_path / "sample" / "table.csv").read_text() == "whole"


TRAIN = """
import sys
from pathlib import Path
from kindling import paths
from kindling.__main__ import main

paths.SAMPLES = Path(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_two_at_once_write_the_sample_once_and_whole(tmp_path: Path) -> None:
    samples, logs = tmp_path / "sample", tmp_path / "logs"
    flags = ["--config", "potability", "--config", "smoke", f"--logs={logs}", "--threads=1"]
    command = [sys.executable, "-c", TRAIN, str(samples), "train", *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    said = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("wrote the sample" in out for out, _ in said) == 1
    assert {path.name for path in samples.iterdir()} <= {"potability", ".potability.lock"}
    whole = fingerprint([samples / "potability" / "water_potability.csv"], samples / "potability")
    for run in ("version_0", "version_1"):
        record = json.loads((logs / "potability" / run / "provenance.json").read_text())
        assert record["data"]["sha256"] == whole


# Configurations and checkpoints that could run code.

TOUCH = "!!python/object/apply:os.system ['touch {marker}']"
POPEN = "{{class_path: subprocess.Popen, init_args: {{args: [touch, {marker}]}}}}"
CONFIGS = {
    f"seed_everything: {TOUCH}": "line 1: not plain YAML",
    f"data: {{{{init_args: {{{{root: {TOUCH}}}}}}}}}": "line 1: not plain YAML",
    "model: !!python/name:os.system": "line 1: not plain YAML",
    "model: &m [*m": "not valid YAML",
    "model: {{class_path: os.system}}": "os.system: no such class",
    "model: {{class_path: ..a.b}}": "..a.b: no such class",
    "model: {{class_path: torch._C.Generator}}": "no such class",
    "model: {{class_path: 5}}": "model=5: name the class with its module",
    "model: {{init_args: [1]}}": "model.init_args holds no settings",
    "trainer: [1]": "trainer holds no settings",
    f"data: {POPEN}": "no such setting",
    f"trainer: {{{{callbacks: [{POPEN}]}}}}": "trainer.callbacks",
    f"trainer: {{{{logger: {POPEN}}}}}": "trainer.logger",
    "model: {{class_path: torch.nn.Linear}}": "torch.nn.Linear: no such class",
    "model: {{class_path: kindling.problems.clouds.model.CloudsModule}}": "no such setting",
}


@pytest.mark.parametrize("task", ["potability"])
@pytest.mark.parametrize("text", CONFIGS)
def test_a_config_that_names_what_is_no_part_of_the_project(
    task: str, text: str, root: Path, tmp_path: Path, refused: Refused
) -> None:
    marker, config = tmp_path / "marker", tmp_path / "mine.yaml"
    config.write_text(text.format(marker=marker) + "\n")
    assert CONFIGS[text] in refused(task, root, f"--config={config}")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ("model", "lightning.pytorch.demos.boring_classes.BoringModel"),
        ("data", "lightning.pytorch.demos.boring_classes.BoringDataModule"),
        ("data", "subprocess.Popen"),
    ],
)
def test_a_class_of_another_kind_is_refused(
    part: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = {
        "model": "kindling.problems.potability.model.PotabilityModule",
        "data": "kindling.problems.potability.data.PotabilityDataModule",
    }
    flags = [f"--{name}={value}" for name, value in {**pair, part: path}.items()]
    assert main(["fit", *flags, f"--logs={tmp_path / 'logs'}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert path.rpartition(".")[2] in error
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    "flag", ["data.split_seed", "trainer.max_epochs", "data", "model.hidden", "data.root"]
)
@pytest.mark.parametrize("task", ["potability"])
def test_a_flag_constructs_nothing(
    task: str, flag: str, root: Path, tmp_path: Path, refused: Refused
) -> None:
    marker = tmp_path / "marker"
    refused(task, root, f"--{flag}={TOUCH.format(marker=marker)}")
    assert not marker.exists()


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


CHECKPOINTS: dict[str, tuple[Callable[[dict[str, Any], Path], object], str]] = {
    "a payload": (lambda c, marker: c.update(more=Payload(marker)), "could run code"),
    "a payload in the weights": (
        lambda c, marker: c["state_dict"].update(more=Payload(marker)),
        "could run code",
    ),
    "a config that constructs": (
        lambda c, marker: c["kindling"].update(config=f"model: {TOUCH.format(marker=marker)}"),
        "not written here",
    ),
    "no config": (lambda c, marker: c["kindling"].pop("config"), "not written here"),
    "no origin": (lambda c, marker: c.update(kindling="mine"), "not written here"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a run beside ``logs``."""
    root = write("potability", tmp_path_factory.mktemp("trained") / "data" / "set")
    assert train("potability", root) == 0
    return root


@pytest.mark.parametrize("fault", CHECKPOINTS)
@pytest.mark.parametrize("command", ["test", "predict", "fit"])
def test_a_checkpoint_that_could_run_code_is_refused(
    fault: str,
    command: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alter, message = CHECKPOINTS[fault]
    marker, path = tmp_path / "marker", tmp_path / "mine.ckpt"
    checkpoint = torch.load(run_of("potability", trained) / "checkpoints" / "best.ckpt")
    alter(checkpoint, marker)
    torch.save(checkpoint, path)
    monkeypatch.chdir(tmp_path)
    source = [f"--data.input={trained / TABLES['potability']}"] if command == "predict" else []
    assert main([command, f"--ckpt_path={path}", f"--data.root={trained}", *source]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.ckpt"]
