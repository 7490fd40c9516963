"""Checkpoints are written whole, and what is none is named; code in one is never run."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.errors import UserError
from kindling.runs.checkpoints import NEEDED, ORIGIN, AtomicCheckpointIO, fitting, load

CONTENT = {
    ORIGIN: {"task": "toy", "config": "model:\ndata:\n"},
    **dict.fromkeys(NEEDED),
    "state_dict": {"weight": torch.ones(1000)},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    return path


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lost(*_: Any) -> None:
    raise RuntimeError("unexpected pos")


@pytest.mark.parametrize(
    ("owner", "name", "fault", "message"),
    [
        (os, "fsync", full, r"last.ckpt: cannot be written \(No space left on device\)"),
        (torch, "save", lost, r"last.ckpt: cannot be written \(unexpected pos\)"),
    ],
)
def test_a_full_disk_leaves_the_checkpoint_before_whole(
    owner: Any,
    name: str,
    fault: Callable[..., None],
    message: str,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the system's error, or by torch's own."""
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fault)
        with pytest.raises(UserError, match=message):
            AtomicCheckpointIO().save_checkpoint({**CONTENT, "more": torch.zeros(5)}, path)
    assert torch.equal(load(path)["state_dict"]["weight"], torch.ones(1000))
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda _: b"text", lambda _: b"PK\x03\x04 cut", lambda b: b[:-100]]
)
def test_what_is_no_checkpoint_is_named(damage: Callable[[bytes], bytes], path: Path) -> None:
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="not a checkpoint, or a damaged one"):
        load(path)


def test_an_altered_checkpoint_is_named_and_another_offered(path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint(CONTENT, path.with_name("best.ckpt"))
    content = bytearray(path.read_bytes())
    content[content.index(torch.ones(1000).numpy().tobytes()) + 2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged.*best\.ckpt \(--ckpt_path\)"):
        load(path)


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({"old.weight": (2, 3), "old.bias": (2,)}, 'model: Missing key.*: "weight", "bias";'),
        ({"weight": (2, 3), "bias": (2,), "scale": (2,)}, 'model: Unexpected key.*: "scale";'),
        ({"weight": (2, 4), "bias": (2,)}, "size mismatch for weight: .*2, 4.*2, 3.*;"),
    ],
)
def test_weights_of_another_net(saved: dict[str, tuple[int, ...]], said: str) -> None:
    """In a short line, however many weights there are."""
    weights = {name: torch.zeros(shape) for name, shape in saved.items()}
    with pytest.raises(UserError, match=said) as caught, fitting(Path("run/best.ckpt")):
        torch.nn.Linear(3, 2).load_state_dict(weights)
    assert str(caught.value).startswith("run/best.ckpt: does not fit the configured model")
    many = {f"layer_{k}": torch.zeros(1) for k in range(1000)}
    with pytest.raises(UserError) as caught, fitting(Path("run/best.ckpt")):
        torch.nn.Linear(3, 2).load_state_dict({**torch.nn.Linear(3, 2).state_dict(), **many})
    assert len(str(caught.value)) < 450
    assert "\n" not in str(caught.value)
