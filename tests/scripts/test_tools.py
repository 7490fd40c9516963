"""Files for the tools around the project: well-formed, and of things that there are."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from kindling.data import paths

PROJECT = paths.PROJECT
MAKEFILE = (PROJECT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def workflow() -> dict[str, Any]:
    text = (PROJECT / ".github" / "workflows" / "test.yml").read_text()
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def test_the_workflow_has_every_supported_version_of_python() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    low, high = re.findall(r"3\.(\d+)", project["requires-python"])
    matrix = workflow()["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in range(int(low), int(high))]
    floor = {"os": "ubuntu-latest", "python": f"3.{low}", "target": "test-floor"}
    assert floor in matrix["include"]
    assert {"macos-latest", "windows-latest"} <= {row["os"] for row in matrix["include"]}


def test_the_workflow_makes_targets_that_there_are() -> None:
    job = workflow()["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    made = {step["run"] for step in job["steps"] if step.get("run", "").startswith("make ")}
    assert made == {"make lint", "make ${{ matrix.target }}"}
    commands = [*matrix["target"], *(row["target"] for row in matrix["include"])]
    assert {command.split()[0] for command in commands} <= TARGETS
    named = [word for command in commands for word in re.findall(r"tests/\S+\.py", command)]
    assert all((PROJECT / name).is_file() for name in named)


def test_the_hook_makes_a_target_that_there_is() -> None:
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    made = [hook["entry"].split() for hook in hooks]
    assert [words[0] for words in made] == ["make", ".venv/bin/pytest"]
    assert made[0][1] in TARGETS
    assert Path(made[1][2]).is_file()


def test_the_image_copies_what_there_is() -> None:
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    assert all((PROJECT / name).exists() for names in copied for name in names)
    assert {line.split()[2] for line in lines if line.startswith("RUN make")} <= TARGETS


@pytest.mark.parametrize("name", [".vscode/settings.json", ".devcontainer/devcontainer.json"])
def test_is_json(name: str) -> None:
    assert json.loads((PROJECT / name).read_text())
