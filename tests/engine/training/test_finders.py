"""The finder reports and leaves no trace: the run after it is the run without it."""

import re

import pytest

from tests.engine.toy import PHOTOS, TABLE, Run, Train, same

FINDER = "--config=lr_find"


def alike(found: Run, plain: Run) -> None:
    for name in ("last", "best"):
        both = [run.checkpoint(name) for run in (found, plain)]
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "loops", "scores"):
            assert same(both[0][part], both[1][part]), f"{name}: {part}"
        assert both[0]["global_step"] == both[1]["global_step"]
    assert found.table() == plain.table()


@pytest.mark.parametrize("base", [(*TABLE, "--model.dropout=0.3"), PHOTOS], ids=["table", "photos"])
def test_the_run_is_the_one_without(
    base: tuple[str, ...], train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """With dropout, which draws in each step, and a split in an order that the seed decides."""
    found = train(*base, FINDER, command="fit")
    said = capsys.readouterr().out
    assert re.search(r"\nlr finder    suggests \d\.\de-\d+, the run keeps 0\.001\n", said)
    alike(found, train(*base, command="fit"))
    assert (found.folder / "figures" / "lr_find.png").is_file()
    assert len(list(found.folder.parents[1].rglob("*.ckpt"))) == 4, "none of the finder's own"


def test_a_run_that_goes_on_has_its_report(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(FINDER, "--trainer.max_epochs=1")
    assert capsys.readouterr().out.count("lr finder") == 1, "in training, not in the test"
    train(f"--run={run.folder}", "--trainer.max_epochs=2", command="fit")
    assert "lr finder" not in capsys.readouterr().out
