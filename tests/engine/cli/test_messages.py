"""The parser's wordings, of jsonargparse 4.39 and of 4.53: a line each."""

from argparse import Action, ArgumentParser

import pytest

from kindling.cli.messages import explain


def options() -> dict[str, Action]:
    parser = ArgumentParser()
    names = ["model.hidden", "data.window", "trainer.max_epochs", "trainer.accelerator"]
    names += [f"trainer.other_{k}" for k in range(20)]
    actions = [parser.add_argument(f"--{name}") for name in names]
    actions.append(parser.add_argument("--model.cell", metavar="{rnn,gru}"))
    return {action.dest: action for action in actions}


MODEL = "Parser key \"model\":\n  Problem with given class_path 'a.Net':\n    "


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "unrecognized arguments: --trainer.max_epoch=3",
            "trainer.max_epoch: no such option; did you mean trainer.max_epochs?",
        ),
        (f"{MODEL}Option 'hiden' is not accepted", "model.hiden: no such option; did you mean mo"),
        (f"{MODEL}Validation failed: Key 'hiden' is not expected", "model.hiden: no such option"),
        ("Validation failed: Key 'modl.hidden' is not expected", "modl.hidden: no such option"),
        ("Option 'modl.hidden' is not accepted", "modl.hidden: no such option; did you mean mo"),
        (
            "Validation failed: Group 'trainer' does not accept nested key 'max_epoch'",
            "trainer.max_epoch: no such option; did you mean trainer.max_epochs?",
        ),
        ("Group 'trainer' does not accept option 'max_epoch'", "trainer.max_epoch: no such opti"),
        (
            f"{MODEL}Parser key \"hidden\":\n  Expected a <class 'int'>. Got value: x",
            "model.hidden=x: expected int",
        ),
        (
            f"{MODEL}Parser key \"cell\":\n  Expected a typing.Literal['rnn', 'gru']. "
            "Got value: gro",
            "model.cell=gro: no such choice; did you mean gru?",
        ),
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
            "trainer.callbacks=..a: no such class; name its module too",
        ),
        ("the following arguments are required: model, data", "what to train? name a task: --conf"),
        ('Validation failed: Key "model" is required but not in', "what to train? name a task"),
        (f'{MODEL}Key "hidden" is required', "model.hidden is required: --model.hidden=VALUE"),
        ("something\n  else", "something  else"),
    ],
)
def test_says_it_in_one_line(message: str, said: str) -> None:
    assert explain(message, options(), {"model.cell": "gro"}).startswith(said)
