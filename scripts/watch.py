"""Runs a command and writes down its peak memory: ``python watch.py USAGE.JSON COMMAND ...``.

A process of its own, for two reasons: the system counts for a process what the one that started
it had in use at that moment, which is little here; and it is there at the end even if what
started it is not.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

MIB = 1024**2 if sys.platform == "darwin" else 1024
"""Of the unit in which the system counts memory."""


def main() -> int:
    usage, *command = sys.argv[1:]
    heard: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(signum: int, frame: FrameType | None) -> None:
        heard.append(signum)
        if child is not None:
            child.send_signal(signum)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, pass_on)
    # With the lock that this process was given.
    child = subprocess.Popen(command, close_fds=False)
    for before in heard[:1]:
        child.send_signal(before)
    status = child.wait()
    _write(Path(usage), _peak_mib())
    return status if status >= 0 else 128 - status


def _peak_mib() -> float | None:
    """Of the command; Windows does not tell once it has ended."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MIB


def _write(path: Path, peak_mib: float | None) -> None:
    content = json.loads(path.read_text())
    content["starts"][-1]["peak_mib"] = peak_mib and round(peak_mib, 1)
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(content, indent=2) + "\n")
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
