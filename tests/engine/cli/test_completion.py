"""What bash is told, by bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kindling.cli import arguments
from kindling.data import paths

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
PRESETS = arguments.names(paths.PRESETS)
TASKS = arguments.names(paths.CONFIGS)
TOY = Path(__file__).parents[1] / "toy.yaml"


def told(line: str, script: str, folder: Path) -> list[str]:
    """What a script prints in which the line has been typed so far."""
    source = f"source {paths.PROJECT / 'scripts' / 'completion.sh'}"
    environment = {
        **os.environ,
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "KINDLING": f"{sys.executable} -m kindling",
        "PYTHONPATH": os.pathsep.join([str(paths.PROJECT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        ["bash", "-c", f"{source}\n{script}"],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kindling ", [*arguments.COMMANDS]),
        ("kindling tr", ["train"]),
        ("kindling train --config=smo", ["smoke"]),
        ("kindling train --config ", [*TASKS, *PRESETS]),
        (f"kindling train --config {TOY} --model.sch", ["--model.schedule"]),
        (f"kindling train --config {TOY} --model.schedule=", ["constant", "cosine"]),
        (f"kindling train --config={TOY} --model.batch_norm=t", ["true"]),
        (f"kindling train --config={TOY} --trainer.max_e", ["--trainer.max_epochs"]),
        ("kindling train --config nothing --model.ce", []),
        ("kindling test --run=lo", ["logs/toy/version_3"]),
    ],
)
def test_completes(line: str, expected: list[str], tmp_path: Path) -> None:
    run = tmp_path / "logs" / "toy" / "version_3"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    script = """_kindling; printf '%s\\n' "${COMPREPLY[@]}" """
    assert sorted(told(line, script, tmp_path)) == sorted(expected)


def test_a_task_s_settings_are_asked_for_once(tmp_path: Path) -> None:
    line = f"kindling fit --config {TOY} --config smoke --model.sch"
    script = """_kindling; KINDLING=false; _kindling; echo "$COMPREPLY" """
    assert told(line, script, tmp_path) == ["--model.schedule"]
