"""LibRaw's own complaints: rawpy drops them, and what is missing comes out black or magenta."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import rawpy

_Complain = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)


def _loaded() -> ctypes.CDLL | None:
    """The library that rawpy has loaded, by its C interface; None where it lies elsewhere than in its wheel."""
    for path in sorted(Path(rawpy.__file__).parent.glob("libraw*")):
        try:
            library = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD)
        except OSError:
            continue
        library.libraw_init.restype = ctypes.c_void_p
        library.libraw_init.argtypes = [ctypes.c_uint]
        library.libraw_set_dataerror_handler.argtypes = [ctypes.c_void_p, _Complain, ctypes.c_void_p]
        library.libraw_set_dataerror_handler.restype = None
        library.libraw_open_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        library.libraw_unpack.argtypes = [ctypes.c_void_p]
        library.libraw_close.argtypes = [ctypes.c_void_p]
        library.libraw_close.restype = None
        return library
    return None


_LIBRARY = _loaded()
"""Found as this is imported: a locked child opens no files any more."""


def complaints(source: bytes) -> int:
    """How often LibRaw finds the sensor's data cut short or corrupted; 0 too where it cannot be asked.

    It unpacks the data once more, a tenth of what developing it takes.
    """
    if _LIBRARY is None:
        return 0
    count = 0

    def complain(_data: int | None, _file: bytes | None, _offset: int) -> None:
        nonlocal count
        count += 1

    handler = _Complain(complain)
    handle = _LIBRARY.libraw_init(0)
    try:
        _LIBRARY.libraw_set_dataerror_handler(handle, handler, None)
        if _LIBRARY.libraw_open_buffer(handle, source, len(source)) or _LIBRARY.libraw_unpack(handle):
            count += 1
    finally:
        _LIBRARY.libraw_close(handle)
    return count
