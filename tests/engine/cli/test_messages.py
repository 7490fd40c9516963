"""Wordings of the parser beside those that the tests of the command line meet: a line each."""

from argparse import Action, ArgumentParser

import pytest

from kindling.cli.messages import explain

MODEL = "Parser key \"model\":\n  Problem with given class_path 'a.Net':\n    "
HIDDEN = "model.hiden: no such option; did you mean model.hidden?"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"{MODEL}Validation failed: Key 'hiden' is not expected", HIDDEN),
        ("Validation failed: Key 'model.hiden' is not expected", HIDDEN),
        ("Validation failed: Group 'model' does not accept nested key 'hiden'", HIDDEN),
        (
            f'{MODEL}Parser key "cell":\n  Cannot take a Union of no types',
            "model.cell=gro: no such choice; did you mean gru?",
        ),
        (
            'Parser key "trainer.max_epochs":\n  Does not validate against any of the subtypes'
            "\n  Errors:\n    - Expected a <class 'int'>\n    - Expected a <class 'NoneType'>"
            "\n  Given value type: <class 'str'>\n  Given value: x",
            "trainer.max_epochs=x: expected int or null",
        ),
        (
            'Parser key "trainer.callbacks":\n  Errors:\n    - Not a valid subclass of Callback'
            "\n    - Expected a <class 'NoneType'>\n  Given value: [{'class_path': 5}]",
            "trainer.callbacks=[{'class_path': 5}]: expected Callback or null",
        ),
        (
            'Parser key "trainer.callbacks":\n  Errors:\n    - Unexpected import path format: ..a',
            "trainer.callbacks: no such class; Unexpected import path format: ..a",
        ),
        ('Validation failed: Key "model" is required but not in', "what to train? name a task"),
        (f'{MODEL}Key "hidden" is required', "model.hidden is required: --model.hidden=VALUE"),
        ("something\n  else", "something  else"),
    ],
)
def test_says_it_in_one_line(message: str, said: str) -> None:
    parser = ArgumentParser()
    known: list[Action] = [parser.add_argument("--model.cell", metavar="{rnn,gru}")]
    known += [parser.add_argument(f"--model.{name}") for name in ("hidden", *map(str, range(20)))]
    options = {action.dest: action for action in known}
    assert explain(message, options, {"model.cell": "gro"}).startswith(said)
