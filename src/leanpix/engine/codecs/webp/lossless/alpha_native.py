"""Planes of bytes to the tokens of WebP's lossless format by the native kernel (native/alpha_plane.c)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_int, c_size_t, c_uint32, c_void_p

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.webp.lossless.prefix_codes import Bits, PrefixCode
from leanpix.engine.libraries.native import native_kernels

GREENS, DISTANCES = 280, 40
"""Symbols of the two codes: 256 bytes and 24 lengths; distances."""

_FIRST_LENGTH = 256
CODE = np.dtype([("bits", np.uint16), ("length", np.uint16)])
"""struct code."""


def native_planes() -> NativePlanes | None:
    """The kernel; None where the native library was not built or is of another build."""
    return native_kernels(NativePlanes)


class NativePlanes:
    """What the kernel does."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._read, self._write = library.leanpix_plane_tokens, library.leanpix_write_tokens
        self._read.argtypes = [c_void_p, c_size_t, c_size_t, c_void_p, c_void_p]
        self._read.restype = c_void_p
        self._write.argtypes = [c_void_p, c_void_p, c_void_p, c_void_p, c_uint32, c_int, c_void_p]
        self._write.restype = c_size_t
        self._free = library.leanpix_free_tokens
        self._free.argtypes, self._free.restype = [c_void_p], None

    @contextmanager
    def tokens(self, plane: NDArray[np.uint8]) -> Iterator[Tokens]:
        """Those of a C-contiguous (H,W) plane; MemoryError."""
        greens, distances = np.zeros(GREENS, np.uint32), np.zeros(DISTANCES, np.uint32)
        rows, width = plane.shape
        handle = self._read(plane.ctypes.data, width, rows, greens.ctypes.data, distances.ctypes.data)
        if not handle:
            raise MemoryError("no memory for a plane's tokens")
        try:
            yield Tokens(self, handle, plane, greens.tolist(), distances.tolist())
        finally:
            self._free(handle)

    def put(self, tokens: Tokens, greens: PrefixCode, distances: PrefixCode, bits: Bits) -> None:
        """Add the tokens by these codes."""
        whole, count = divmod(bits.count + tokens.bits(greens.lengths, distances.lengths), 8)
        out = np.empty(whole + 3, np.uint8)
        tables = _table(greens), _table(distances)  # held until the call is over
        self._write(
            *(tokens.handle, tokens.plane.ctypes.data, tables[0].ctypes.data, tables[1].ctypes.data),
            *(bits.held, bits.count, out.ctypes.data),
        )
        bits.whole += out[:whole].data
        bits.held, bits.count = int(out[whole]) if count else 0, count


class Tokens:
    """A plane's tokens, and how often each symbol occurs in them."""

    def __init__(
        self, kernel: NativePlanes, handle: int, plane: NDArray[np.uint8], greens: list[int], distances: list[int]
    ) -> None:
        self._kernel, self.handle, self.plane = kernel, handle, plane
        self.greens, self.distances = greens, distances

    def bits(self, greens: Sequence[int], distances: Sequence[int]) -> int:
        """How many these take with codes of so many bits."""
        coded = sum(count * length for count, length in zip(self.greens, greens, strict=True))
        coded += sum(count * length for count, length in zip(self.distances, distances, strict=True))
        values = (self.greens[_FIRST_LENGTH:], self.distances)
        return coded + sum(count * max(0, (i - 2) // 2) for counts in values for i, count in enumerate(counts))

    def put(self, bits: Bits, greens: PrefixCode, distances: PrefixCode) -> None:
        """Add these to bits."""
        self._kernel.put(self, greens, distances, bits)


def _table(code: PrefixCode) -> NDArray[np.void]:
    table = np.zeros(len(code.codes), CODE)
    table["bits"], table["length"] = code.codes, code.lengths
    return table
