"""Checkpoints: written whole or not at all, and recognized when they are read."""

import errno
import os
import pickle
import textwrap
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.fabric.plugins.io import TorchCheckpointIO

from kindling.data.whole import replaced
from kindling.errors import UserError

ORIGIN = "kindling"
"""The checkpoint's entry with its task and configuration."""

NEEDED = {"state_dict", "loops", "epoch", "global_step"}
"""What every checkpoint has."""

RESUMED = {"optimizer_states", "lr_schedulers", "callbacks"}
"""Entries that a resume needs too."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all: the one before survives a full disk or a crash."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        target = Path(path)
        with replaced(target) as unfinished:
            target.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as stream:
                try:
                    torch.save(checkpoint, stream)
                except RuntimeError as error:  # what torch's archive writer makes of a full disk
                    raise OSError(errno.EIO, str(error).partition("\n")[0]) from error
                stream.flush()
                os.fsync(stream.fileno())


def load(path: Path) -> dict[str, Any]:
    """A checkpoint that a Trainer wrote, on the CPU.

    Raises:
        UserError: It is no checkpoint, or a damaged one.
    """
    try:
        # Torch does not notice altered bytes; the archive has checksums.
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # the unpickler fails in many ways
        what = "not a checkpoint, or a damaged one"
        if isinstance(error, pickle.UnpicklingError) and "weights_only" in str(error).lower():
            what = "holds more than weights and plain values, and could run code when it is loaded"
        others = sorted(file.name for file in path.parent.glob("[!.]*.ckpt") if file != path)
        instead = f"; use {', '.join(others)} (--ckpt_path)" if others else ""
        raise UserError(f"{path}: {what}{instead}") from error
    if not _is_whole(checkpoint):
        raise UserError(f"{path}: not a checkpoint that Lightning's Trainer wrote")
    return checkpoint


def require_resumable(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Raise a UserError for a checkpoint of weights alone."""
    if missing := sorted(RESUMED - checkpoint.keys()):
        lacks = ", ".join(missing)
        raise UserError(f"{path}: lacks {lacks}: it can be tested, but not resumed")


@contextmanager
def fitting(path: Path | None) -> Iterator[None]:
    """While a checkpoint is loaded: a UserError where it is of another architecture."""
    try:
        yield
    except RuntimeError as error:
        if "Error(s) in loading state_dict" not in str(error):
            raise
        # Torch lists all weights, a line for each kind of misfit.
        first = textwrap.shorten(str(error).splitlines()[1], 250, placeholder=" ...").rstrip(".")
        raise UserError(
            f"{path}: does not fit the configured model: {first}; the "
            "settings and the commit it fits are in its run's config.yaml and provenance.json"
        ) from error


def _is_whole(checkpoint: Any) -> bool:
    """Whether it has the entries of every checkpoint and, of a run, a configuration of YAML."""
    try:
        if origin := checkpoint.get(ORIGIN):
            config = yaml.safe_load(origin["config"])
            if not (isinstance(origin["task"], str) and {"model", "data"} <= config.keys()):
                return False
        return bool(checkpoint.keys() >= NEEDED)
    except (TypeError, KeyError, IndexError, AttributeError, yaml.YAMLError):
        return False
