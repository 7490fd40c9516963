"""Ends one of a run's two processes at each stage in each way, and looks at what becomes of both.

``python scripts/process_matrix.py [WORD ...]`` prints a line a cell: seconds from the fault until
all processes are gone, and what is wrong with what was said, with what is left of the run, or with
how it goes on. Words choose cells, such as ``saving/`` or ``SIGKILL/1``; ``--at-once=N`` runs N
cells side by side.
"""

import errno
import importlib
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import psutil

STAGES = (
    *("start", "import", "config", "data", "rendezvous", "mesh", "joined"),
    *("sanity", "step", "validation", "saving", "fit's end", "exit"),
)
WAYS = ("exit 0", "exception", "SIGTERM", "SIGKILL", "SIGSEGV", "disk error")
ALONE = STAGES[: STAGES.index("rendezvous")]
"""Stages of the first process before there is a second."""

LIMIT = 60
FAULT, NOTE = "MATRIX_FAULT", "MATRIX_NOTE"


def reach(stage: str) -> None:
    """End this process, if this is the stage, and it the process, that is chosen."""
    chosen, way, rank = os.environ.get(FAULT, "//").split("/")
    if (chosen, rank) != (stage, os.environ.get("LOCAL_RANK", "0")):
        return
    note = Path(os.environ[NOTE])
    if note.exists():
        return
    note.write_text(str(time.time()))
    if way == "exit 0":
        sys.exit(0)
    if way == "exception":
        raise ValueError("an exception of the matrix")
    if way == "disk error":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "file.of.the.matrix")
    os.kill(os.getpid(), signal.Signals[way])


reach("start")


def program() -> int:
    """The command line, with faults on the way."""
    import torch.distributed
    from torch.distributed import distributed_c10d as c10d

    reach("import")

    def around(module: Any, name: str, before: str, after: str = "") -> None:
        function: Callable[..., Any] = getattr(module, name)

        def faulty(*args: Any, **kwargs: Any) -> Any:
            reach(before)
            value = function(*args, **kwargs)
            reach(after)
            return value

        setattr(module, name, faulty)

    around(torch.distributed, "init_process_group", "rendezvous", "joined")
    around(c10d, "_new_process_group_helper", "mesh")
    from kindling.__main__ import main

    status = main()
    reach("exit")
    return status


def run(cell: str) -> tuple[float, list[str]]:
    """Seconds that a cell took, and what is wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        note, logs, said = Path(folder, "note"), Path(folder, "logs"), Path(folder, "said")
        flags = ["--config=smoke", "--trainer.accelerator=cpu", f"--logs={logs}"]
        flags += ["--trainer.max_epochs=3", "--trainer.enable_progress_bar=false"]
        for part in ("model", "data"):
            flags.append(f"--{part}=tests.scripts.faulty.Faulty{part.title()}")
        two = ["--config=ddp", "--trainer.devices=2"]
        process = _fork(["fit", *flags, *two], said, {FAULT: cell, NOTE: str(note)})
        seconds, status = _until_gone(process, note)
        wrong = _wrong(cell, seconds, said.read_text(), status, logs)
        if not wrong and (logs / "toy" / "version_0" / "checkpoints" / "last.ckpt").exists():
            again = ["fit", f"--run={logs}/toy/version_0", "--trainer.devices=1"]
            status = os.waitpid(_fork(again, said, {}), 0)[1]
            if status and "epochs are done" not in said.read_text():
                wrong.append(f"does not go on: {said.read_text()[-300:]!r}")
        return seconds, wrong


def _fork(args: list[str], said: Path, environment: dict[str, str]) -> int:
    """Start the command in a process that has imported what takes long."""
    if pid := os.fork():
        return pid
    os.setsid()
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(output, number)
    sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.argv[1:] = args
    os.environ |= environment
    status = 1
    try:
        reach("start")
        status = program()
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _until_gone(process: int, note: Path) -> tuple[float, int]:
    """Seconds from the fault to the end of the last process, and the status of the first."""
    start, status = time.time(), None
    while True:
        if status is None and (ended := os.waitpid(process, os.WNOHANG))[0]:
            status = os.waitstatus_to_exitcode(ended[1])
        fault = float(note.read_text() or start) if note.exists() else start
        if status is not None and not _alive(process):
            return time.time() - fault, status
        if time.time() > fault + (LIMIT if note.exists() else 5 * LIMIT):
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0) if status is None else None
            return LIMIT + 1, status or -9
        time.sleep(0.1)


def _alive(group: int) -> bool:
    ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] not in ended:
                return True
    return False


def _wrong(cell: str, seconds: float, said: str, status: int, logs: Path) -> list[str]:
    stage, way, rank = cell.split("/")
    wrong = [f"still there after {LIMIT} s"] if seconds > LIMIT else []
    # At the end of training the second has no part in it any more, and may have ended.
    alone = rank == "0" and stage in (*ALONE, "fit's end", "exit")
    over = stage in ("fit's end", "exit") and status == 0
    lines = re.findall(r"^kindling: .*", said, re.MULTILINE)
    about = [line for line in lines if re.search(r"process \d", line)]
    own = way == "exception" and "of the matrix" in said
    if not (alone or over or own or lines) or len(about) > 1:
        wrong.append(f"{len(about)} lines: {said[-300:]!r}")
    if status == 0 and not (alone and way == "exit 0") and stage not in ("fit's end", "exit"):
        wrong.append("status 0")
    for folder in logs.glob("*/version_*"):
        there = {path.name for path in folder.rglob("*")}
        if not {"config.yaml", "last.ckpt"} <= there:
            wrong.append(f"half a run: {sorted(there)}")
    return wrong


def main() -> int:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    at_once = next((int(w.partition("=")[2]) for w in sys.argv if w.startswith("--at-once=")), 1)
    cells = ["/".join(cell) for cell in product(STAGES, WAYS, "01")]
    cells = [cell for cell in cells if not words or any(word in cell for word in words)]
    importlib.import_module("kindling.cli.lightning_cli")  # once, for all cells' first processes
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(["src", "."])}
    bad, slowest = 0, 0.0
    with multiprocessing.get_context("fork").Pool(at_once, maxtasksperchild=1) as pool:
        for cell, (seconds, wrong) in zip(cells, pool.imap(run, cells), strict=True):
            bad, slowest = bad + bool(wrong), max(slowest, seconds)
            print(f"{cell:<28} {seconds:6.1f} s  {'; '.join(wrong) or 'well'}", flush=True)
    print(f"{len(cells) - bad} of {len(cells)} cells well; the slowest took {slowest:.1f} s")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(program() if FAULT in os.environ else main())
