"""The zygote's heap: children are to find fresh pages behind it, not its holes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from leanpix.worker.children.environment import FIXED_ENVIRONMENT

HOLES = """
import ctypes
from leanpix.worker.children.heap_prefill import prefill_heap
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.sbrk.restype, libc.sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
blocks = [libc.malloc(1_000_000) for _ in range(40)]
for block in blocks[:-1:2]:
    libc.free(block)
"""
TAKE = "prefill_heap()\n"
BEHIND = """
end = libc.sbrk(0)
print(all(libc.malloc(size) > end - 8192 for size in ({sizes}) for _ in range(5)))
"""


def is_behind(steps: str, sizes: str) -> bool:
    """Whether blocks of these sizes lie behind the heap as it was."""
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("this libc has no mallinfo2: there is nothing to take up")
    script = HOLES + steps + BEHIND.format(sizes=sizes)
    environment = os.environ | FIXED_ENVIRONMENT
    return subprocess.check_output([sys.executable, "-c", script], env=environment, text=True).strip() == "True"


def test_what_is_allocated_afterwards_lies_behind_the_heap() -> None:
    assert is_behind(TAKE, "900_000, 600_000,")


def test_without_it_holes_are_used_again() -> None:
    assert not is_behind("", "900_000,")
