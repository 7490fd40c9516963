"""The finder reports and leaves no trace; Lightning's own sets the rate, and runs go on by it."""

import re

import pytest

from tests.engine.toy import PHOTOS, TABLE, Train, same

# Of three steps and more: a suggestion needs thirteen.
LONG = "--trainer.max_epochs=5"
PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "scores", "global_step")


@pytest.mark.parametrize("base", [(*TABLE, "--model.dropout=0.3"), PHOTOS], ids=["table", "photos"])
def test_the_run_is_the_one_without(
    base: tuple[str, ...], train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """With dropout, which draws in each step, and a split in an order that the seed decides."""
    found = train(*base, LONG, "--config=lr_find", command="fit")
    said = capsys.readouterr().out
    assert re.search(r"\nlr finder    suggests \d\.\de-\d+, the run keeps 0\.001\n", said)
    plain = train(*base, LONG, command="fit")
    for name in ("last", "best"):
        for part in PARTS:
            assert same(found.checkpoint(name)[part], plain.checkpoint(name)[part]), part
    assert found.table() == plain.table()
    assert (found.folder / "figures" / "lr_find.png").is_file()
    assert len(list(found.folder.parents[1].rglob("*.ckpt"))) == 4, "none of the finder's own"


def test_lightnings_own_sets_the_rate_and_a_run_goes_on_by_it(train: Train) -> None:
    run = train("--trainer.callbacks+=LearningRateFinder", LONG, command="fit")
    (rate, *_), before = [row["lr"] for row in run.rows()], run.table()
    assert rate != 1e-3
    train(f"--run={run.folder}", "--trainer.max_epochs=7")
    assert [row["lr"] for row in run.rows()] == [rate] * 7
    assert run.table()[:5] == before
