"""A setting that is called a key, a token, a secret or a password is used, and never written."""

import sys
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger

from kindling.__main__ import main
from kindling.runs.secrets import MASK, masked, masked_words
from tests.engine.toy import QUIET, TABLE, Refusal, Run, Train

SECRET = "s3cret-and-long"


class KeyedLogger(CSVLogger):
    def __init__(self, save_dir: str = ".", api_key: str = "", workspace: str = "") -> None:
        assert api_key == SECRET
        super().__init__(save_dir)


LOGGER = (f"--trainer.logger={__name__}.KeyedLogger", f"--trainer.logger.api_key={SECRET}")
WHOLE = "--trainer.logger={class_path: %s.KeyedLogger, init_args: {api_key: %s}}"


@pytest.mark.parametrize("flags", [LOGGER, [WHOLE % (__name__, SECRET)]])
def test_it_is_in_no_file_of_a_run_and_has_to_be_given_again(
    flags: list[str], train: Train, logs: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["train", *TABLE, *flags, QUIET, f"--logs={logs}"]
    monkeypatch.setattr(sys, "argv", ["kindling", *args])
    assert main(args) == 0
    run = Run(logs / "toy" / "latest")
    assert run.scores(), "the test had it too"
    assert f"{MASK}" in run.json("provenance")["command"]
    for path in logs.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    if len(flags) == 1:
        return
    said = refusal("test", f"--run={run.folder}")
    assert "trainer.logger.api_key: a secret, which is never saved; give it again" in said
    train(f"--run={run.folder}", LOGGER[1], command="test")
    train(f"--run={run.folder}", LOGGER[1], "--trainer.max_epochs=3", command="fit")


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(
            (name, True)
            for name in ("key", "api_key", "apiKey", "hf_token", "password", "a-secret")
        ),
        *((name, False) for name in ("monkey", "keys", "key_column", "experiment_key", "tokens")),
    ],
)
def test_what_is_a_secret(name: str, secret: bool) -> None:
    settings = {"logger": [{"init_args": {name: "x y", "depth": 3}}], name: ""}
    expected = {"logger": [{"init_args": {name: MASK if secret else "x y", "depth": 3}}], name: ""}
    assert masked(settings) == expected


def test_a_command_s_words() -> None:
    words = ["fit", "--a.token=old", "--a.token", "new", "--b={token: new, x: newer}", "--c=renew"]
    expected = [*words]
    expected[1], expected[3] = f"--a.token={MASK}", MASK
    expected[4] = f"--b={{token: {MASK}, x: newer}}"
    assert [*masked_words(words, {"a": {"token": "new"}})] == expected
    assert [*masked_words(words[:1], {})] == ["fit"]
