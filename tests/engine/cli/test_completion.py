"""What bash is told, by bash itself."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kindling.cli import arguments, tools
from kindling.data import paths

TOY = Path(__file__).parents[1] / "toy.yaml"
CONFIGS = [*arguments.names(paths.CONFIGS), *arguments.names(paths.PRESETS)]
COMPLETED = {
    "kindling ": [*arguments.COMMANDS, *tools.described()],
    "kindling tr": ["train"],
    "kindling train --config=smo": ["smoke"],
    "kindling train --config ": CONFIGS,
    "kindling test --run=lo": ["logs/toy/version_3"],
    "kindling train --config nothing --model.ce": [],
    "kindling compare --task ": arguments.names(paths.CONFIGS),
    f"kindling train --config={TOY} --model.batch_norm=t": ["true"],
    f"kindling train --config {TOY} --model.sch": ["--model.schedule"],
}
REMEMBERED = {
    f"kindling fit --config {TOY} --model.schedule=": ["constant", "cosine"],
    f"kindling fit --config {TOY} --trainer.max_e": ["--trainer.max_epochs"],
}
"""Of a task whose settings are known: they are asked for once."""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_completes(tmp_path: Path) -> None:
    run = tmp_path / "logs" / "toy" / "version_3"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    script = [f"source {paths.PROJECT / 'scripts' / 'completion.sh'}"]
    for lines in (COMPLETED, REMEMBERED):
        for line in lines:
            typed = f"COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}"
            script.append(f'{typed}; _kindling; echo "${{COMPREPLY[*]}}"')
        script.append("KINDLING=false")
    path = os.pathsep.join([str(paths.PROJECT), os.environ.get("PYTHONPATH", "")])
    kindling = {"KINDLING": f"{sys.executable} -m kindling", "PYTHONPATH": path}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path, env={**os.environ, **kindling}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = [sorted(line.split()) for line in done.stdout.splitlines()]
    expected = COMPLETED | REMEMBERED
    assert dict(zip(expected, told, strict=True)) == {k: sorted(v) for k, v in expected.items()}
