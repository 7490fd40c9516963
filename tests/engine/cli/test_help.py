import re
import subprocess
import sys
from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths

TASKS = arguments.names(paths.CONFIGS)
TOY = str(Path(__file__).parents[1] / "toy.yaml")
Shown = pytest.CaptureFixture[str]


@pytest.mark.parametrize("flags", [[], ["--help"], ["fit", "-h"]])
def test_comes_without_importing_torch(flags: list[str]) -> None:
    code = (
        "import sys; from kindling.__main__ import main; "
        f"main({flags}); print('HEAVY', {{'torch', 'lightning', 'pandas'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("kindling: ")
    assert done.stdout.rstrip().endswith("HEAVY set()")


def test_names_commands_tasks_presets_and_examples(capsys: Shown) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    for name in [*arguments.COMMANDS, *TASKS, *arguments.names(paths.PRESETS)]:
        assert f"  {name} " in text
    assert text.count("\n  kindling ") == 3


def test_shows_a_task_on_about_a_screen_with_its_values(capsys: Shown) -> None:
    assert main(["fit", "--config", TOY, "-c", "smoke", "--model.schedule=cosine", "-h"]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert len(lines) < 70
    assert max(map(len, lines)) <= 100
    assert text.index("--model.") < text.index("--data.") < text.index("--trainer.")
    for shown in ("--data.root=null ", "--trainer.max_epochs=2 ", "--threads=null "):
        assert shown in text
    assert re.search(r"--model.schedule {constant,cosine}=cosine +Learning", text)
    assert not re.search(r"--model\.features\b", text), "the data say it"
    for line in lines:
        if line.startswith("  --"):
            assert re.search(r"\S  +\S", line[2:]), f"says what it does: {line}"


def test_shows_a_class_of_one_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    (tmp_path / "own_help.py").write_text(
        "from lightning.pytorch import LightningModule\n"
        "class Base(LightningModule):\n"
        "    def __init__(self, width: int = 3):\n"
        '        """A net.\n\n        Args:\n            width: Of its layers.\n        """\n'
        "class Net(Base):\n"
        "    def __init__(self, *, depth: int, **kwargs):\n"
        '        """A net.\n\n        Args:\n            depth: Number of layers.\n        """\n'
        "        super().__init__(**kwargs)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--model=own_help.Net", "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"--model.width=3 +Of its layers", text)
    assert re.search(r"--model.depth=\S+ +Number of layers", text)


def test_all_of_it_is_the_parser_s_own(capsys: Shown) -> None:
    assert main(["fit", "--config", TOY, "--help=all"]) == 0
    assert "--trainer.reload_dataloaders_every_n_epochs" in capsys.readouterr().out
