"""The optional native library: found and loaded through ctypes, or reported as missing.

It is built with the package where there is a C compiler; everything works, slower, without it.
"""

from __future__ import annotations

import ctypes
import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Kernels = TypeVar("Kernels")
PLAIN_CPU, AVX2_CPU, NEWEST_CPU = range(3)  # enum metric_cpu of native/metric/metric_rows.h
_ENGINE = Path(__file__).parents[1]
LIBRARY = _ENGINE / "_native.so"
REASON = _ENGINE / "_native_missing.txt"
"""Why the library was not built, in one line: written by the build."""


@functools.cache
def load_native() -> ctypes.CDLL | None:
    """The native library, loaded once a process; None where it was not built or does not load here."""
    if not LIBRARY.is_file():
        return None
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError:  # built for another machine or C library: the same as not built
        return None


def native_kernels(kind: Callable[[ctypes.CDLL], Kernels]) -> Kernels | None:
    """What a class makes of the native library; None where it was not built, or is of a build without these kernels.

    Made once a process: nothing of it changes.
    """
    made: Kernels | None = _made(kind)
    return made


@functools.cache
def _made(kind: Callable[[ctypes.CDLL], Any]) -> Any:  # noqa: ANN401 - of the type that its caller names
    library = load_native()
    try:
        return None if library is None else kind(library)
    except AttributeError:
        return None


def until_cpu_s(most_cpu_s: float) -> float:
    """The process' processor time at which a kernel gives up; 0: never. What is over already is the least there is."""
    return max(time.process_time() + most_cpu_s, 1e-9) if math.isfinite(most_cpu_s) else 0.0


def native_path() -> str:
    """Where the native library was loaded from, or why it was not, in words for people."""
    if load_native() is not None:
        return str(LIBRARY)
    if LIBRARY.is_file():
        return "does not load on this machine"
    return f"not built: {REASON.read_text(encoding='utf-8')}" if REASON.is_file() else "not built"
