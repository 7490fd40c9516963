"""Runs a command and writes down its peak memory: ``python watch.py USAGE.JSON COMMAND ...``.

A process of its own, for two reasons: the system counts for a process what the one that started
it had in use at that moment, which is little here; and it is there at the end even if the
comparison that started it is not.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

MIB = 1024**2 if sys.platform == "darwin" else 1024
"""Of the unit in which the system counts memory."""


def main() -> int:
    usage, *command = sys.argv[1:]
    child = 0

    def pass_on(signum: int, frame: FrameType | None) -> None:
        if not child:
            sys.exit(128 + signum)
        os.kill(child, signum)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, pass_on)
    child = os.fork()
    if not child:
        os.execvp(command[0], command)
    _, status, used = os.wait4(child, 0)
    _write(Path(usage), used.ru_maxrss / MIB)
    ended = os.waitstatus_to_exitcode(status)
    return ended if ended >= 0 else 128 - ended


def _write(path: Path, peak_mib: float) -> None:
    content = json.loads(path.read_text())
    content["starts"][-1]["peak_mib"] = round(peak_mib, 1)
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(content, indent=2) + "\n")
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
