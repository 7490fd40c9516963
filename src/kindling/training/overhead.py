"""What a step costs beside the net: memory that is asked for anew, and being measured."""

import ctypes
import os
import platform
from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch.profilers import PassThroughProfiler

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""As mallopt calls them: what is freed before it goes back, and how many parts are mapped."""


def keep_freed() -> bool:
    """Let what is freed serve the next step, instead of going back to the system; whether it does.

    By default glibc maps each tensor above 32 MiB anew, and the system fills it with zeros page by
    page. A step of a convolutional net, which needs the same tensors as the one before, takes up to
    twice as long by that. Settings of the user's own, in the environment, are left alone.

    References:
        mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    chosen = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if chosen or platform.libc_ver()[0] != "glibc":
        return False
    adjust = ctypes.CDLL(None).mallopt
    return all(adjust(option, value) for option, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, -1)))


class NoProfiler(PassThroughProfiler):
    """Measures nothing, at no cost: Lightning's makes 50 generators a step for that."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return self._nothing
