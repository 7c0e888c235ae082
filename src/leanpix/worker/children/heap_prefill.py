"""The heap of the process that children are forked from, made so that a child writes on fresh pages."""

from __future__ import annotations

import ctypes

# What that process itself needs between two forks: without a hole of its own it would write where children begin.
_RESERVE_BYTES = 512 * 1024
_SIZES = tuple(1 << power for power in range(20, 4, -1))  # from 1 MB to 32 bytes, the least that malloc gives
_LEFT_BYTES = 4096  # of what is free at the heap's end: taking more would make it grow
_MOST_BLOCKS = 1_000_000


class _Figures(ctypes.Structure):
    """What `mallinfo2` returns, in its order: bytes, and two counts of chunks."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def prefill_heap() -> None:
    """Take what the allocator has free, for good: what is allocated from now on lies behind the heap.

    Imports leave megabytes of holes in pages that this process has written to. A child that is given such a hole
    copies each page before it writes on it; behind the heap it finds fresh pages only, large ones where the allocator
    asks for them. It costs address space and hardly any memory. Nothing is done without glibc's mallinfo2.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return
    libc.mallinfo2.restype = _Figures
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    reserve = libc.malloc(_RESERVE_BYTES)
    behind = _grow(libc)
    for size in _SIZES:
        _take_below(libc, size, behind)
    libc.malloc(max(0, libc.mallinfo2().keepcost - _LEFT_BYTES))
    libc.free(reserve)


def _grow(libc: ctypes.CDLL) -> int:
    """Take the largest blocks until the heap has grown: an address behind all that was free within it."""
    had = libc.mallinfo2().arena
    for _ in range(_MOST_BLOCKS):
        block = libc.malloc(_SIZES[0])
        if block is None or libc.mallinfo2().arena != had:
            break
    return block or 0


def _take_below(libc: ctypes.CDLL, size: int, behind: int) -> None:
    """Take every free block of that size or more below the address."""
    for _ in range(_MOST_BLOCKS):
        block = libc.malloc(size)
        if block is None or block >= behind:
            return
