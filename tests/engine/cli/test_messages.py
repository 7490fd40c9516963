"""The parser's wordings, of jsonargparse 4.39 and of 4.53: a line each."""

import pytest

from kindling.cli.messages import explain

KNOWN = ["model.hidden", "model.cell", "data.window", "trainer.max_epochs", "trainer.accelerator"]
KNOWN += [f"trainer.other_{k}" for k in range(20)]
CHOICES = {"model.cell": ["rnn", "gru"]}
GIVEN = {"data.width": "x", "model.hiden": 3, "model.width": 3, "model.cell": "gro"}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "unrecognized arguments: --trainer.max_epoch=3",
            "trainer.max_epoch: no such option; did you mean trainer.max_epochs?",
        ),
        ("Option 'hiden' is not accepted", "model.hiden: no such option; did you mean mo"),
        ("Validation failed: Key 'hiden' is not expected", "model.hiden: no such option; did"),
        (
            "Validation failed: Subcommand 'fit' does not accept nested key 'modl.hidden'",
            "modl.hidden: no such option; did you mean model.hidden?",
        ),
        ("Subcommand 'fit' does not accept option 'modl'", "modl: no such option"),
        (
            "Parser key \"hidden\":\n  Expected a <class 'int'>. Got value: x",
            "model.hidden=x: expected int",
        ),
        ("Parser key \"width\":\n  Expected a <class 'int'>. Got value: x", "data.width=x: expect"),
        (
            "Parser key \"cell\":\n  Expected a typing.Literal['rnn', 'gru']. Got value: gro",
            "model.cell=gro: no such choice; did you mean gru?",
        ),
        (
            'Parser key "cell":\n  Cannot take a Union of no types',
            "model.cell=gro: no such choice; did you mean gru?",
        ),
        (
            'Parser key "trainer.max_epochs":\n  Does not validate against any of the subtypes'
            "\n  Errors:\n    - Expected a <class 'int'>\n    - Expected a <class 'NoneType'>"
            "\n  Given value type: <class 'str'>\n  Given value: x",
            "trainer.max_epochs=x: expected int or null",
        ),
        ("the following arguments are required: fit.model", "what to train? name a task: --conf"),
        ('Validation failed: Key "fit.model" is required but not in', "what to train? name a task"),
        ('Key "hidden" is required', "model.hidden is required: --model.hidden=VALUE"),
        ("something\n  else", "something  else"),
    ],
)
def test_says_it_in_one_line(message: str, said: str) -> None:
    assert explain(message, dict.fromkeys(KNOWN, ()) | CHOICES, GIVEN).startswith(said)
