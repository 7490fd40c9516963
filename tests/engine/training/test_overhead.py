"""Memory of the CPU: the allocator's settings are for a whole process, so each has its own."""

import platform
import subprocess
import sys

import pytest

from kindling.data import paths
from kindling.training.overhead import keep_freed

SOURCES = paths.PROJECT / "src"

FAULTS = """
import resource
from contextlib import suppress
import torch
from kindling.training.overhead import keep_freed

print(keep_freed())
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(64 * 2**20 // 4)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_faulted() -> tuple[bool, list[int]]:
    """Whether memory is kept, and the pages that each of four tensors of 64 MiB asked for."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "", "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"},
    )
    kept, *faults = done.stdout.split()
    return kept == "True", [int(number) for number in faults]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
@pytest.mark.slow
def test_what_was_freed_serves_again_without_a_page_from_the_system() -> None:
    kept, faults = pages_faulted()
    assert kept
    assert faults[0] > 10_000
    assert faults[-1] < 100


def test_settings_of_the_users_own_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TOP_PAD_", "131072")
    assert not keep_freed()
