"""Pictures to the tokens of WebP's lossless format by the native kernels (native/colour_rows.c, colour_plane.c)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import POINTER, byref, c_int, c_int32, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.webp.lossless.alpha_native import CODE, DISTANCES, GREENS
from leanpix.engine.codecs.webp.lossless.prefix_codes import Bits, PrefixCode
from leanpix.engine.libraries.native import native_kernels

CACHE_BITS = 10
VALUES = 256
KINDS = (GREENS + (1 << CACHE_BITS), VALUES, VALUES, VALUES, DISTANCES)
"""Symbols of each code, in the format's order: green with lengths and cached colours, red, blue, alpha, distance."""

SYMBOLS = sum(KINDS)
LENGTH_EXTRAS = np.maximum(0, (np.arange(GREENS - VALUES) - 2) // 2)
DISTANCE_EXTRAS = np.maximum(0, (np.arange(DISTANCES) - 2) // 2)

Pixels = NDArray[np.uint8]
Counts = NDArray[np.uint32]
"""(groups, SYMBOLS)."""


class _Source(ctypes.Structure):
    """struct source."""

    _fields_ = (
        ("pixels", c_void_p),
        ("modes", c_void_p),
        ("colours", c_void_p),
        ("width", c_size_t),
        ("height", c_size_t),
        ("bands", c_int32),
        ("is_green_subtracted", c_int32),
        ("tile_bits", c_int32),
        ("colour_count", c_int32),
        ("bundle_power", c_int32),
    )


class _Sink(ctypes.Structure):
    """struct sink, with the struct writer at its end."""

    _fields_ = (
        ("groups", c_void_p),
        ("counts", c_void_p),
        ("codes", c_void_p),
        ("group_bits", c_int32),
        ("cache_bits", c_int32),
        ("out", c_void_p),
        ("size", c_size_t),
        ("held", c_uint64),
        ("held_count", c_int),
    )


@dataclass(frozen=True, slots=True)
class Transformed:
    """A picture of (rows, width, 1 to 4) C-contiguous pixels and what is done to them.

    colours: its table, then the others say nothing. modes: (rows, columns of tiles) predictors, tiles of
    1 << tile_bits a side. bundle_power: pixels with each number, as a power of two.
    """

    pixels: Pixels
    colours: NDArray[np.uint32] | None = None
    bundle_power: int = 0
    is_green_subtracted: bool = False
    modes: Pixels | None = None
    tile_bits: int = 0

    @property
    def coded_width(self) -> int:
        """How many pixels are coded for a row."""
        return -(-self.pixels.shape[1] >> self.bundle_power) if self.bundle_power else int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which of the groups of codes each tile of 1 << bits a side has; of how many."""

    groups: NDArray[np.uint16]
    bits: int
    count: int


def native_colours() -> NativeColours | None:
    """The kernels; None where the native library was not built or is of another build."""
    return native_kernels(NativeColours)


class NativeColours:
    """What the kernels do; MemoryError."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._choose, self._read = library.leanpix_choose_modes, library.leanpix_colour_tokens
        self._choose.argtypes = [POINTER(_Source), c_void_p]
        self._read.argtypes, self._read.restype = [POINTER(_Source), c_int], c_void_p
        self._replay, self._free = library.leanpix_replay_tokens, library.leanpix_free_colour_tokens
        self._replay.argtypes = [c_void_p, POINTER(_Source), POINTER(_Sink)]
        self._free.argtypes, self._free.restype = [c_void_p], None

    def modes(self, picture: Transformed) -> Pixels:
        """The predictor of each tile of a picture."""
        rows, width, _ = picture.pixels.shape
        modes = np.zeros((-(-rows >> picture.tile_bits), -(-width >> picture.tile_bits)), np.uint8)
        _checked(self._choose(byref(_source(picture)), modes.ctypes.data))
        return modes

    @contextmanager
    def tokens(self, picture: Transformed, cache_bits: int) -> Iterator[ColourTokens]:
        """Those of a picture, for a cache of so many bits: 0 for none, or CACHE_BITS."""
        handle = self._read(byref(_source(picture)), cache_bits)
        if not handle:
            raise MemoryError("no memory for a picture's tokens")
        try:
            yield ColourTokens(self, handle, picture, cache_bits)
        finally:
            self._free(handle)

    def counts(self, tokens: ColourTokens, grouping: Grouping) -> Counts:
        """How often each symbol occurs in each group."""
        counts = np.zeros((grouping.count, SYMBOLS), np.uint32)
        sink = _Sink(
            grouping.groups.ctypes.data, counts.ctypes.data, None, grouping.bits, tokens.cache_bits, None, 0, 0, 0
        )
        _checked(self._replay(tokens.handle, byref(_source(tokens.picture)), byref(sink)))
        return counts

    def put(
        self,
        tokens: ColourTokens,
        grouping: Grouping,
        codes: Sequence[Sequence[PrefixCode]],
        bits: Bits,
        most_bits: int,
    ) -> None:
        """Add the tokens by each group's five codes; most_bits: at least as many as that takes."""
        table = np.zeros((grouping.count, SYMBOLS), CODE)
        for row, group in zip(table, codes, strict=True):
            _fill(row, group)
        start = len(bits.whole)
        bits.whole.extend(bytes(most_bits // 8 + 3))
        out = np.frombuffer(bits.whole, np.uint8)[start:]
        sink = _Sink(
            *(grouping.groups.ctypes.data, None, table.ctypes.data, grouping.bits, tokens.cache_bits),
            *(out.ctypes.data, 0, bits.held, bits.count),
        )
        _checked(self._replay(tokens.handle, byref(_source(tokens.picture)), byref(sink)))
        del out  # it keeps the bytes from changing their size
        del bits.whole[start + sink.size :]
        bits.held = bits.count = 0


class ColourTokens:
    """A picture's tokens."""

    def __init__(self, kernel: NativeColours, handle: int, picture: Transformed, cache_bits: int) -> None:
        self._kernel, self.handle = kernel, handle
        self.picture, self.cache_bits = picture, cache_bits

    def counts(self, grouping: Grouping) -> Counts:
        """How often each symbol occurs in each group."""
        return self._kernel.counts(self, grouping)

    def put(self, grouping: Grouping, codes: Sequence[Sequence[PrefixCode]], bits: Bits, most_bits: int) -> None:
        """Add them to bits, up to a whole byte."""
        self._kernel.put(self, grouping, codes, bits, most_bits)


def by_kind(symbols: NDArray[Any]) -> list[NDArray[Any]]:
    """(SYMBOLS,) or (groups, SYMBOLS) parted into the five codes."""
    return np.split(symbols, np.cumsum(KINDS)[:-1], axis=-1)


def _fill(row: NDArray[np.void], group: Sequence[PrefixCode]) -> None:
    for part, code in zip(by_kind(row), group, strict=True):
        part["bits"][: len(code.codes)], part["length"][: len(code.codes)] = code.codes, code.lengths


def _source(picture: Transformed) -> _Source:
    rows, width, bands = picture.pixels.shape
    modes, colours = picture.modes, picture.colours
    return _Source(
        picture.pixels.ctypes.data,
        None if modes is None else modes.ctypes.data,
        None if colours is None else colours.ctypes.data,
        *(width, rows, bands, picture.is_green_subtracted, picture.tile_bits),
        *(0 if colours is None else len(colours), picture.bundle_power),
    )


def _checked(failed: int) -> None:
    if failed:
        raise MemoryError("no memory for a picture's rows")
