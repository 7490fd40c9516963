import pytest

from kindling.messages import explain

KNOWN = ["model.hidden", "data.window", "trainer.max_epochs", "trainer.accelerator"] + [
    f"trainer.other_{k}" for k in range(20)
]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "unrecognized arguments: --trainer.max_epoch=3",
            "trainer.max_epoch: no such option; did you mean trainer.max_epochs?",
        ),
        ("Option 'hiden' is not accepted", "hiden: no such option; did you mean hidden?"),
        (
            "Subcommand 'fit' does not accept option 'modl.hidden'",
            "modl.hidden: no such option; did you mean model.hidden?",
        ),
        (
            "Parser key \"hidden\":\n  Expected a <class 'int'>. Got value: x",
            "model.hidden=x: expected int",
        ),
        (
            'Parser key "trainer.max_epochs":\n  Does not validate against any of the subtypes'
            "\n  Errors:\n    - Expected a <class 'int'>\n    - Expected a <class 'NoneType'>"
            "\n  Given value type: <class 'str'>\n  Given value: x",
            "trainer.max_epochs=x: expected int or null",
        ),
        (
            "the following arguments are required: fit.model",
            "what to train? name a task: --config TASK (kindling --help lists them)",
        ),
        ("something\n  else", "something  else"),
    ],
)
def test_says_it_in_one_line(message: str, said: str) -> None:
    assert explain(message, KNOWN) == said
