"""Mistakes in a command's own words: its name, its configs, its run, its checkpoint."""

import shutil
from pathlib import Path

import pytest

from tests.engine.toy import TASK, Refusal


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("ft", "ft: no such command; did you mean fit?"),
        ("fit --config=smok", "no such config, task or preset; did you mean"),
        ("fit --config", "--config needs a value"),
        ("test --ckpt_path=nowhere.ckpt", "nowhere.ckpt: no such checkpoint"),
        ("test --run=a --run=b", "--run is given 2 times"),
        ("fit --config=RUN/config.yaml --ckpt_path=last", "needs the run that it belongs to"),
        ("fit --config=RUN/config.yaml --ckpt_path=best", "needs the run that it belongs to"),
        ("fit --run=RUN --ckpt_path=last", "nothing to resume from"),
        ("fit --run=RUN --ckpt_path=best", "nothing to resume from"),
        ("validate --config=RUN/config.yaml", "validate needs a trained model: --run"),
        ("test --config=RUN/config.yaml", "test needs a trained model: --run"),
        ("predict --config=RUN/config.yaml", "predict needs a trained model: --run"),
        ("fit --config=RUN/broken.yaml", "line 1: not valid YAML"),
        ("fit --config=RUN/words.yaml", "holds no settings"),
    ],
)
def test_a_mistake_is_one_line(typed: str, message: str, tmp_path: Path, refusal: Refusal) -> None:
    run = tmp_path / "version_0"
    run.mkdir()
    shutil.copy(TASK.partition("=")[2], run / "config.yaml")
    (run / "broken.yaml").write_text("model: [")
    (run / "words.yaml").write_text("just words")
    command, *flags = typed.replace("RUN", str(run)).split()
    assert message in refusal(command, *flags)
