import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.errors import UserError
from kindling.runs.checkpoints import NEEDED, ORIGIN, AtomicCheckpointIO, fitting, load

CONTENT = {
    ORIGIN: {"task": "timeseries", "config": "model:\ndata:\n"},
    **dict.fromkeys(NEEDED),
    "state_dict": torch.arange(5),
}


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "best.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    assert torch.equal(load(path)["state_dict"], CONTENT["state_dict"])
    assert [p.name for p in path.parent.iterdir()] == ["best.ckpt"]


def test_a_full_disk_leaves_the_checkpoint_before_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device; the one before it is whole"):
        AtomicCheckpointIO().save_checkpoint({**CONTENT, "weights": torch.zeros(5)}, path)
    assert torch.equal(load(path)["state_dict"], CONTENT["state_dict"])
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_torch_s_own_error_of_a_full_disk_is_recognized(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="cannot save the checkpoint"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(
            torch, "save", lambda *_: (_ for _ in ()).throw(RuntimeError("unexpected pos"))
        )
        AtomicCheckpointIO().save_checkpoint(CONTENT, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("false",)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 truncated"])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a checkpoint, or a damaged one"):
        load(path)


def test_a_checkpoint_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="not a checkpoint, or a damaged one"):
        load(path)


def test_an_altered_checkpoint_is_named_and_another_offered(tmp_path: Path) -> None:
    path, best = tmp_path / "last.ckpt", tmp_path / "best.ckpt"
    for file in (path, best):
        AtomicCheckpointIO().save_checkpoint({ORIGIN: {}, "weight": torch.ones(1000)}, file)
    content = bytearray(path.read_bytes())
    place = content.index(torch.ones(1000).numpy().tobytes())
    content[place + 2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged.*best\.ckpt \(--ckpt_path\)"):
        load(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save({ORIGIN: {}, "payload": Payload()}, path)
    with pytest.raises(UserError, match="could run code"):
        load(path)


def test_what_no_trainer_wrote_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(UserError, match="not a checkpoint that Lightning's Trainer wrote"):
        load(path)


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({"old.weight": (2, 3), "old.bias": (2,)}, "configured: it lacks weight and 1 more;"),
        ({"weight": (2, 3), "bias": (2,), "scale": (2,)}, "configured: it has scale;"),
        ({"weight": (2, 4), "bias": (2,)}, "size mismatch for weight: .*2, 4.*2, 3.*;"),
    ],
)
def test_weights_of_another_net(saved: dict[str, tuple[int, ...]], said: str) -> None:
    """In one line, however many weights there are."""
    weights = {name: torch.zeros(shape) for name, shape in saved.items()}
    with pytest.raises(UserError, match=said) as caught, fitting(Path("run/best.ckpt")):
        torch.nn.Linear(3, 2).load_state_dict(weights)
    assert str(caught.value).startswith("run/best.ckpt: does not fit the model")
    assert str(caught.value).count("\n") == 0


def test_another_error_while_weights_are_loaded_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="device is gone"), fitting(None):
        raise RuntimeError("device is gone")
