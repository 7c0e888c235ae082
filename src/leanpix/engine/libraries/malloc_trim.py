"""Memory that was freed, given back to the system before a large picture needs as much again."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def trim_malloc() -> None:
    """Let go of what the C library keeps for later: after decoding or scoring up to 150 MB, in many small pieces.

    Only on the way to what is held for the whole of a large picture: the next pieces are faulted in anew.
    """
    _trim()(0)


@functools.cache
def _trim() -> Callable[[int], object]:
    """glibc's; other C libraries keep less."""
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return _nothing
    return trim


def _nothing(pad: int) -> None:
    del pad
