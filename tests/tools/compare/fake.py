"""Stands for a run's process: ``fake.py - VERB FOLDER CONFIG SECONDS STATUS``.

Leaves a checkpoint when it is told to stop, and scores when it was not. Each start is a line in
``starts.txt``.
"""

import json
import signal
import sys
import time
from pathlib import Path

_, _, verb, place, config, seconds, status = sys.argv
run = Path(place)


def stop(signum: int, frame: object) -> None:
    (run / "checkpoints" / "last.ckpt").write_text("half of it")
    print("stopped; saved")
    sys.exit(143)


signal.signal(signal.SIGTERM, stop)
(run / "checkpoints").mkdir(parents=True, exist_ok=True)
(run / "config.yaml").write_text(config)
with (run.parents[1] / "starts.txt").open("a") as stream:
    stream.write(f"{verb}\n")
(run / "metrics.csv").write_text("epoch\n0\n")
time.sleep(float(seconds))
if int(status):
    print("first line\nkindling: the loss became NaN")
    sys.exit(int(status))
(run / "checkpoints" / "best.ckpt").write_text("all of it")
(run / "results.json").write_text(json.dumps({"task": "t"}))
