import subprocess
import sys

import pytest

from kindling import arguments, help, paths
from kindling.__main__ import main

TASKS = arguments.names(paths.CONFIGS)


@pytest.mark.parametrize("flags", [[], ["--help"], ["fit", "--config", "timeseries", "--help"]])
def test_comes_without_importing_torch(flags: list[str]) -> None:
    code = (
        "import sys; from kindling.__main__ import main; "
        f"main({flags}); print('HEAVY', {{'torch', 'lightning', 'pandas'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("HEAVY set()")


def test_names_commands_tasks_presets_and_examples() -> None:
    text = help.text([])
    for name in [*arguments.COMMANDS, *TASKS, *arguments.names(paths.PRESETS)]:
        assert f"  {name} " in text
    assert text.count("\n  kindling ") == 3


@pytest.mark.parametrize("task", TASKS)
def test_shows_a_task_on_about_a_screen(task: str) -> None:
    lines = help.text(["fit", "--config", task, "--help"]).splitlines()
    assert len(lines) < 75
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert text.index("--model.") < text.index("--data.") < text.index("--trainer.")
    assert "--data.root=null" in text
    assert "--model.inputs" not in text, "what the data determines is no setting"


def test_shows_the_values_of_the_configs_that_are_named() -> None:
    assert "--trainer.max_epochs=2" in help.text(
        ["fit", "--config=timeseries", "-c", "smoke", "-h"]
    )


def test_every_setting_says_what_it_does() -> None:
    from kindling import signatures

    for task in TASKS:
        merged = signatures.merged([paths.CONFIGS / f"{task}.yaml"])
        for part in ("model", "data"):
            for setting in signatures.settings(merged[part]["class_path"]):
                assert setting.doc, f"{task}: {part}.{setting.name}"


def test_all_of_it_is_the_parser_s_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config=timeseries", "--help=all"]) == 0
    assert "--trainer.reload_dataloaders_every_n_epochs" in capsys.readouterr().out


def test_of_an_unknown_command_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian", "--help"]) == 2
    assert capsys.readouterr().err == "kindling: trian: no such command; did you mean train?\n"
