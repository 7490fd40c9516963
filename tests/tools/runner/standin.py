"""Stands for SLURM's commands, by the name that it is called by: jobs are processes here.

``$STANDIN`` is a folder: ``asked`` has what was asked for, ``<job>`` the number of its process;
jobs are queued as long as ``full`` is there.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

PLACE = Path(os.environ.get("STANDIN", ""))
QUEUED = 'while [ -e "$STANDIN/full" ]; do sleep 0.1; done; exec bash "$0"'


def start(job: str) -> None:
    array, _, index = job.partition("_")
    environ = {
        **os.environ,
        "SLURM_JOB_ID": str(int(array) + int(index or 0)),
        "SLURM_NTASKS": "1",
        **({"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": index} if index else {}),
    }
    with (PLACE / f"{job}.out").open("a") as output:
        process = subprocess.Popen(
            ["bash", "-c", QUEUED, PLACE / f"{array}.sh"],
            env=environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (PLACE / job).write_text(str(process.pid))


def tree(job: str) -> list[psutil.Process]:
    """The processes of a job, all of which SLURM signals."""
    if not psutil.pid_exists(number := int((PLACE / job).read_text())):
        return []
    process = psutil.Process(number)
    return [process, *process.children(recursive=True)]


def sbatch(script: str) -> None:
    number = str(100 * (1 + len(list(PLACE.glob("*.sh")))))
    text = Path(script).read_text()
    (PLACE / f"{number}.sh").write_text(text)
    asked = re.findall("^#SBATCH (.*)", text, re.MULTILINE)
    (PLACE / "asked").write_text("\n".join(asked))
    [size] = [int(found) for found in re.findall("array=0-([0-9]+)", text)] or [None]
    jobs = [number] if size is None else [f"{number}_{k}" for k in range(size + 1)]
    for job in jobs:
        start(job)
    print(f"Submitted batch job {number}")


def sacct() -> None:
    print("JobID|State|NodeList")
    for path in PLACE.glob("*00*"):
        if not path.suffix:
            alive = "PENDING" if (PLACE / "full").exists() else "RUNNING"
            print(f"{path.name}|{alive if tree(path.name) else 'COMPLETED'}|node")


def srun(words: list[str]) -> None:
    command = words[words.index("--error") + 2 :]
    os.execv(command[0], command)


def scancel(job: str) -> None:
    for process in tree(job):
        if process.name() != "bash":
            process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    name, words = Path(sys.argv[0]).name, sys.argv[1:]
    if name == "sbatch":
        sbatch(words[0])
    elif name == "sacct":
        sacct()
    elif name == "srun":
        srun(words)
    elif name == "scancel":
        scancel(words[0])
    else:
        assert (name, words[0]) == ("scontrol", "requeue")
        start(words[1])
