"""Colours of fully transparent pixels, chosen so that they do not show beside what is seen.

Where chroma is halved, and spread again by the decoder, a colour that nobody sees runs into the one next to it: dark
letters over what was a blue ground turn blue (docs/decisions/0353).
"""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_size_t, c_void_p
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.libraries.native import native_kernels

_ALPHA_BANDS = 4
_LEAST_SHARE = 0.03
"""Of the edges of what is seen: beside so many a colour is hidden that is not theirs, for it to be worth another."""


def native_hidden_colours() -> NativeHiddenColours | None:
    """The kernel; None where the native library was not built or is of another build."""
    return native_kernels(NativeHiddenColours)


class NativeHiddenColours:
    """What the kernel does (native/webp/hidden_colours.c)."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._replace = library.leanpix_hidden_colours
        self._replace.argtypes = [c_void_p, c_size_t, c_size_t, c_void_p, c_void_p]
        self._replace.restype = c_int

    def replaced(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
        """The C-contiguous (H,W,4) pixels with other hidden colours, and the share of edges that these did not suit."""
        height, width, _ = pixels.shape
        shown, counts = np.empty_like(pixels), np.zeros(2, np.uint64)
        if self._replace(pixels.ctypes.data, width, height, shown.ctypes.data, counts.ctypes.data):
            raise MemoryError("no memory for the cells of hidden colours")
        edges, unlike = (int(count) for count in counts)
        return shown, unlike / max(edges, 1)


@dataclass(frozen=True, slots=True)
class HiddenColours:
    """One picture without the hidden colours that would run into what is seen; made when first asked for."""

    pixels: NDArray[np.uint8]
    _made: list[NDArray[np.uint8] | None] = field(default_factory=list)

    @property
    def replaced(self) -> NDArray[np.uint8] | None:
        """Its pixels with others; None where its own do no harm."""
        if not self._made:
            self._made.append(_replaced(self.pixels))
        return self._made[0]


def _replaced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    kernel = native_hidden_colours() if pixels.shape[2] == _ALPHA_BANDS else None
    if kernel is None:
        return None
    shown, unlike_share = kernel.replaced(pixels)
    return shown if unlike_share >= _LEAST_SHARE else None
