"""Stands for a run's process: ``fake.py - VERB FOLDER CONFIG LEVEL EPOCHS SECONDS STATUS``.

Each epoch takes so many seconds and leaves a row and a checkpoint, its score coming down to LEVEL;
it goes on after the rows that there are. Each start is a line in ``starts.txt``, each end another.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

_, _, verb, place, config, level, epochs, seconds, status = sys.argv
run = Path(place)
table, checkpoints = run / "metrics.csv", run / "checkpoints"


def note(line: str) -> None:
    with (run.parents[1] / "starts.txt").open("a") as stream:
        stream.write(f"{line}\n")


def stop(signum: int, frame: object) -> None:
    note("stopped")
    print("stopped; saved")
    sys.exit(143)


signal.signal(signal.SIGTERM, stop)
checkpoints.mkdir(parents=True, exist_ok=True)
(run / "config.yaml").write_text(config)
note(f"{verb} {os.getpid()}")
if int(status):
    print("first line\nkindling: the loss became NaN")
    sys.exit(int(status))
if not table.exists():
    table.write_text("epoch,val/loss\n")
for epoch in range(len(table.read_text().splitlines()) - 1, int(epochs)):
    time.sleep(float(seconds))
    (checkpoints / "best.ckpt").write_text("best")
    with table.open("a") as stream:
        stream.write(f"{epoch},{float(level) + 1 / (epoch + 1):.6f}\n")
    (checkpoints / "last.ckpt").write_text("last")
(run / "provenance.json").write_text(json.dumps({"wall_time_s": 1.0}))
note("ended")
