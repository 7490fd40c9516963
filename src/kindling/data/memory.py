"""Free memory, and errors for what does not fit in it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from kindling.errors import UserError

CGROUP = Path("/sys/fs/cgroup")
"""The files of a container's limit, which the machine's figures do not include."""

COPIES = 4
"""Copies of each weight in training: itself, its gradient and Adam's two moments."""


def available() -> int:
    """Bytes of memory that are free."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = ((CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        return min(free, int(limit) - int(used))
    except (OSError, ValueError):  # there is no limit, or it is "max"
        return free


def shown_bytes(size: float) -> str:
    """``1.5 GB``."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def require(what: str, size: int, free: int | None = None) -> None:
    """Raise a UserError if ``what``, of ``size`` bytes, does not fit in memory."""
    free = available() if free is None else free
    if size > free:
        fault = f"would take {shown_bytes(size)} of memory, and {shown_bytes(free)} are free"
        raise UserError(f"{what} {fault}; make it smaller")


class Allocations(TorchFunctionMode):
    """Raises a UserError when a tensor is made that does not fit, before it is filled.

    Args:
        copies: Copies of each tensor that there will be.
    """

    def __init__(self, copies: int = 1) -> None:
        super().__init__()
        self.free, self.copies = available(), copies

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor) and made.device.type == "cpu":
            sizes = "x".join(map(str, made.shape))
            size = self.copies * made.numel() * made.element_size()
            require(f"a tensor of {sizes}", size, self.free)
        return made


def require_weights(model: nn.Module, trains: bool) -> None:
    """Raise a UserError if a model on the CPU does not fit, with what training adds to it."""
    weights = sum(
        p.numel() * p.element_size() for p in model.parameters() if p.device.type == "cpu"
    )
    with_moments = ", with gradients and the optimizer's moments," if trains else ""
    require(
        f"the weights of {type(model).__name__}{with_moments}", weights * (COPIES if trains else 1)
    )


def require_batch(name: str, samples: int, sample: Any) -> None:
    """Raise a UserError that names the setting if a batch of so many samples does not fit."""
    fields = [part for part in sample if isinstance(part, Tensor)]
    size = samples * sum(4 * part.numel() for part in fields)  # as floats
    require(f"{name}: a batch of {samples:,}", size)
