"""Stands for a run's process: ``fake.py - VERB FOLDER JSON``, the last of what it shall do.

Each epoch takes so many seconds and leaves a row and a checkpoint, its score coming down to a
level; it goes on after the rows that there are. ``starts.txt`` has a line for each start and end.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

_, _, verb, place, given = sys.argv
run, wanted = Path(place), json.loads(given)
table, checkpoints = run / "metrics.csv", run / "checkpoints"


def note(line: str) -> None:
    with (run.parents[1] / "starts.txt").open("a") as stream:
        stream.write(f"{line}\n")


def stop(signum: int, frame: object) -> None:
    (checkpoints / "last.ckpt").write_text("last")
    note("stopped")
    print("stopped; saved")
    sys.exit(143)


checkpoints.mkdir(parents=True, exist_ok=True)
(run / "config.yaml").write_text(json.dumps(wanted["settings"]))
signal.signal(signal.SIGTERM, stop)
note(f"{verb} {os.getpid()}")
if wanted["fails"]:
    print("first line\nkindling: the loss became NaN")
    sys.exit(1)
if not table.exists():
    table.write_text("epoch,step,val/loss\n")
for epoch in range(len(table.read_text().splitlines()) - 1, wanted["epochs"]):
    time.sleep(wanted["seconds"])
    (checkpoints / "best.ckpt").write_text("best")
    with table.open("a") as stream:
        stream.write(f"{epoch},{epoch},{wanted['level'] + 1 / (epoch + 1):.6f}\n")
    (checkpoints / "last.ckpt").write_text("last")
(run / "provenance.json").write_text(json.dumps({"wall_time_s": 1.0}))
if wanted["tests"]:
    (run / "results.json").write_text(json.dumps({"task": "t"}))
note("ended")
