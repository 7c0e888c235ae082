"""A file as a `bytes` object whose content stays where it is: nothing of it is copied."""

from __future__ import annotations

import ctypes
import mmap
import os

_HEAD_BYTES = bytes.__basicsize__ - 1  # what CPython keeps before the content; the 1 is for a 0 behind it
_MANY_REFERENCES = 1 << 30  # it is never freed, for it was never allocated
_NO_HASH_YET = -1
_MAP_FIXED = 0x10
_FAILED = ctypes.c_void_p(-1).value


class _Head(ctypes.Structure):
    """CPython's PyBytesObject up to its content (Include/cpython/bytesobject.h)."""

    _fields_ = (
        ("references", ctypes.c_ssize_t),
        ("kind", ctypes.c_void_p),
        ("size", ctypes.c_ssize_t),
        ("hash", ctypes.c_ssize_t),
    )


def mapped(descriptor: int) -> bytes:
    """The whole content of an open file, for the rest of this process's life.

    The engine works on `bytes`, and so do the libraries under it. A copy of a source costs a process that does one
    job a fault for each of its pages. Where bytes objects look otherwise than is known here, it is a copy all the same.

    OSError where the file cannot be mapped, MemoryError where there is no address space for it. Who shortens the file
    afterwards ends this process by SIGBUS.
    """
    size = os.fstat(descriptor).st_size
    if not size or not _CAN_MAP:
        return os.pread(descriptor, size, 0)
    content = _with_page_before(descriptor, size)
    head = _Head.from_address(content - _HEAD_BYTES)
    head.references, head.kind, head.size, head.hash = _MANY_REFERENCES, id(bytes), size, _NO_HASH_YET
    held: bytes = ctypes.cast(content - _HEAD_BYTES, ctypes.py_object).value
    return held


def _can_map() -> bool:
    sample = bytes(bytearray(b"a sample"))
    head = _Head.from_address(id(sample))
    is_as_known = (head.kind, head.size, head.hash) == (id(bytes), len(sample), _NO_HASH_YET)
    return ctypes.sizeof(_Head) == _HEAD_BYTES and is_as_known


def _with_page_before(descriptor: int, size: int) -> int:
    """The address of the mapped file, with a page of memory before it and a 0 behind it."""
    # A file that ends with its last page has its 0 on one of these; otherwise the kernel fills its last page with 0.
    pages = 1 + size // mmap.PAGESIZE + 1
    writable = mmap.PROT_READ | mmap.PROT_WRITE
    room = _libc.mmap(None, pages * mmap.PAGESIZE, writable, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if room == _FAILED:
        raise MemoryError
    fixed = mmap.MAP_PRIVATE | _MAP_FIXED
    content = _libc.mmap(room + mmap.PAGESIZE, size, mmap.PROT_READ, fixed, descriptor, 0)
    if content == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    address: int = content
    return address


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_CAN_MAP = _can_map()
