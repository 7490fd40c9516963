"""Updates between two small repositories: the template's and a project made from it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main
from kindling.data import paths

FILES = {
    "src/kindling/__init__.py": '__version__ = "0.1.0"\n',
    "src/kindling/old.py": "OLD = 1\n",
    "src/kindling/tools/sweep/__init__.py": "",
    "src/kindling/tools/sweep/space.py": "SPACE = 1\n",
    "src/problems/clouds/data.py": "SHIPPED = 1\n",
    "tests/engine/test_old.py": "def test(): pass\n",
    "tests/tools/sweep/test_space.py": "def test(): pass\n",
    "configs/trainer.yaml": "trainer: {max_epochs: 1}\n",
    "pyproject.toml": '[project]\ndependencies = ["torch>=2"]\n',
    "CHANGELOG.md": "# Changelog\n\n## 0.1.0 (2026-01-01)\n\nThe first.\n",
    ".gitignore": "__pycache__/\n",
}
NEWER = {
    "src/kindling/__init__.py": '__version__ = "0.2.0"\n',
    "src/kindling/new.py": "NEW = 1\n",
    "src/kindling/tools/sweep/space.py": "SPACE = 2\n",
    "src/kindling/tools/export/__init__.py": "",
    "src/problems/clouds/data.py": "SHIPPED = 2\n",
    "pyproject.toml": '[project]\ndependencies = ["torch>=2", "einops>=0.8"]\n',
    "CHANGELOG.md": "# Changelog\n\n## 0.2.0 (2026-02-01)\n\nFaster.\n\n## 0.1.0 (2026-01-01)\n",
}


def git(folder: Path, *args: str) -> str:
    name = ("-c", "user.name=n", "-c", "user.email=e@x", "-c", "init.defaultBranch=main")
    command = ["git", *name, *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=x")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "template"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, FILES)
    git(folder, "tag", "--annotate", "v0.1.0", "--message=x")
    (folder / "src/kindling/old.py").unlink()
    commit(folder, NEWER)
    git(folder, "tag", "v0.2.0")
    return folder


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made from 0.1.0 without its history, with a problem of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, {**FILES, "src/problems/mine/data.py": "MINE = 1\n"})
    git(folder, "remote", "add", "origin", str(template))
    monkeypatch.setattr(paths, "PROJECT", folder)
    return folder


def content(folder: Path) -> dict[str, str]:
    shown = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(folder)): path.read_text() for path in shown}


def test_the_engine_is_replaced_and_all_else_stays(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bytecode = project / "src/kindling/__pycache__/old.pyc"
    bytecode.parent.mkdir()
    bytecode.touch()
    assert main(["update", "--to=v0.2.0", "--no-test"]) == 0
    expected = {**FILES, "src/problems/mine/data.py": "MINE = 1\n"}
    del expected["src/kindling/old.py"]
    expected |= {name: text for name, text in NEWER.items() if name.startswith("src/kindling")}
    assert content(project) == expected
    said = capsys.readouterr().out
    assert "engine  0.1.0 (" in said
    assert "to 0.2.0 (" in said
    assert "5 files changed" in said
    assert "## 0.2.0 (2026-02-01)\n\nFaster.\n" in said
    assert "The first" not in said
    assert "needs   einops>=0.8: write it into pyproject.toml" in said
    assert git(project, "for-each-ref", "refs/kindling") == ""
    assert git(project, "diff", "--name-only") == ""  # all of it is staged


@pytest.mark.parametrize("version", ["main", "hash", "path"])
def test_ways_to_name_a_version(version: str, template: Path, project: Path) -> None:
    named = {"hash": git(template, "rev-parse", "HEAD")[:9], "path": str(template)}
    assert main(["update", f"--to={named.get(version, version)}", "--no-test"]) == 0
    assert (project / "src/kindling/new.py").exists()
    git(project, "commit", "--quiet", "--message=newer")
    assert main(["update", "--to=v0.1.0", f"--from={template}", "--no-test"]) == 0
    assert content(project) == {**FILES, "src/problems/mine/data.py": "MINE = 1\n"}


def test_a_deleted_tool_stays_deleted(project: Path) -> None:
    git(project, "rm", "-r", "--quiet", "src/kindling/tools/sweep", "tests/tools/sweep")
    git(project, "rm", "-r", "--quiet", "tests/engine")
    git(project, "commit", "--quiet", "--message=x")
    assert main(["update", "--to=v0.2.0", "--no-test"]) == 0
    assert (project / "src/kindling/tools/export").is_dir()
    for folder in ("src/kindling/tools/sweep", "tests/tools/sweep", "tests/engine"):
        assert not (project / folder).exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"src/kindling/old.py": "OLD = 7\n"}, "src/kindling/old.py: edited here since 0.1.0;"),
        ({"src/kindling/mine.py": "M = 1\n"}, "src/kindling/mine.py: edited here"),
        ({"configs/trainer.yaml": "a: 1\n", "src/kindling/old.py": ""}, "trainer.yaml and 1 more"),
    ],
)
def test_an_edited_engine_is_left_alone(
    files: dict[str, str], message: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(project, files)
    before = content(project)
    assert main(["update", "--to=v0.2.0"]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "0.1.0" in said.err
    assert said.err.count("\n") == 1
    assert all(f"+++ b/{name}" in said.out for name in files)
    assert content(project) == before


NEW = "--to=v0.2.0"


@pytest.mark.parametrize(
    ("edit", "args", "message"),
    [
        ("echo > src/kindling/old.py", [NEW], "src/kindling/old.py changed since the last commit"),
        ("touch tests/engine/test_mine.py", [NEW], "test_mine.py changed since the last commit"),
        ("rm -r .git", [NEW], "not a git repository"),
        ("git remote remove origin", [NEW], "no remote origin; name a repository by FROM=url"),
        ("", ["--to=v0.2.1"], "TO=v0.2.1: no tag, branch or commit of"),
        ("", ["--to=v0.2.1"], "did you mean v0.2.0?"),
        ("", [NEW, "--from=nowhere"], "'nowhere' does not appear to be a git"),
    ],
)
def test_what_cannot_be_updated(
    edit: str, args: list[str], message: str, project: Path, monkeypatch: pytest.MonkeyPatch,
    refused: Any,
) -> None:  # fmt: skip
    monkeypatch.chdir(project)
    subprocess.run(edit, shell=True, cwd=project, check=True)
    before = content(project)
    assert message in refused("update", *args)
    assert content(project) == before


def test_a_contract_that_breaks_is_said_with_the_way_back(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, which imports the new engine."""
    test = "from kindling import __version__\n\ndef test_contract():\n    assert __version__[2] == "
    (project / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    monkeypatch.setenv("PYTHONPATH", str(project / "src"))
    for version, status in (("1", 2), ("2", 0)):
        commit(project, {"tests/problems/mine/test_mine.py": f"{test}'{version}'\n"})
        assert main(["update", "--to=v0.2.0"]) == status
        said = capsys.readouterr().err
        back = "git restore" + said.partition("git restore")[2] if said else "true"
        subprocess.run(back.split(), cwd=project, check=True)
