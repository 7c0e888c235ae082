"""How the memory allocator of a process that serves is set, whatever environment it was started in."""

from __future__ import annotations

import ctypes
import gc

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MIB = 1024 * 1024
_SETTINGS = {_M_MMAP_THRESHOLD: 4 * _MIB, _M_TRIM_THRESHOLD: 32 * _MIB, _M_ARENA_MAX: 2}


def keep_freed_memory() -> None:
    """Have what a request needed stay for the next one, up to 32 MB in each of two arenas; call it first of all.

    By itself glibc gives every freed block of 128 KB or more back to the system, and each page of the next one costs
    a fault: 420 of them, 3 to 4 ms, for an upload of 850 KB. Where libc is not glibc nothing is done.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        for name, value in _SETTINGS.items():
            libc.mallopt(name, value)


def release_start_memory() -> None:
    """Give back what a start has used and a server at rest does not; call it once everything stands.

    The classes of pydantic and the compiled statements leave cycles and half-empty pages behind. What is left is what
    the process is made of: no collection need ever look through it again.
    """
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
