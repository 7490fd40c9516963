"""How much memory there is, and what would not fit in it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from kindling.errors import UserError

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's limit is, which the machine's own figures know nothing of."""

COPIES = 4
"""Of each weight in training: itself, its gradient and two moments of Adam."""


def available() -> int:
    """Bytes that a process can still take."""
    there = int(psutil.virtual_memory().available)
    try:
        limit, used = ((CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        return min(there, int(limit) - int(used))
    except (OSError, ValueError):  # there is none, or it says "max"
        return there


def shown_bytes(size: float) -> str:
    """``1.5 GB``."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def require(what: str, size: int, there: int | None = None) -> None:
    """Raise a UserError if so many bytes do not fit in memory; ``what`` says of what they are."""
    there = available() if there is None else there
    if size > there:
        fault = f"would take {shown_bytes(size)} of memory, and {shown_bytes(there)} are free"
        raise UserError(f"{what} {fault}; make it smaller")


class Allocations(TorchFunctionMode):
    """Stops before a tensor that does not fit is filled, which takes longer than making it.

    A size that is a few times too large would otherwise bring the machine to its knees.

    Args:
        copies: Of each tensor that there will be.
    """

    def __init__(self, copies: int = 1) -> None:
        super().__init__()
        self.there, self.copies = available(), copies

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
            require(f"a tensor of {sizes}", size, self.there)
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
    """Raise a UserError if a batch does not fit.

    Args:
        name: The setting and its value.
        samples: How many there are in a batch.
        sample: One of them.
    """
    fields = [part for part in sample if isinstance(part, Tensor)]
    size = samples * sum(4 * part.numel() for part in fields)  # as floats
    require(f"{name}: a batch of {samples:,}", size)
