"""Parts of WebP's lossless format (RFC 9649, section 3) that pictures and alpha have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.webp.lossless.alpha_native import GREENS, NativePlanes
from leanpix.engine.codecs.webp.lossless.prefix_codes import Bits, PrefixCode, put_code

_VALUES = 256
_COLOUR_INDEXING = 3
_NOTHING = (0,)
"""The counts of a code whose symbols are all nought."""

_BUNDLES = ((2, 3), (4, 2), (16, 1), (_VALUES, 0))
"""Up to so many colours, so many pixels in one (as a power of two)."""

_CHANNELS = (8, 16, 0, 24)
"""Where green, red, blue and alpha are in a colour: the order of their codes."""


def put_transform(bits: Bits, kind: int) -> None:
    """Say that a transform follows."""
    bits.put(1 | kind << 1, 3)


def end_transforms(bits: Bits) -> None:
    """Say that none follows."""
    bits.put(0, 1)


def bundle_power(colours: int) -> int:
    """How many numbers of so many colours are in a pixel, as a power of two."""
    return next(power for most, power in _BUNDLES if colours <= most)


def put_colour_indexing(bits: Bits, colours: Sequence[int]) -> None:
    """The transform to a table of up to 256 colours, written as a row, each less the one before it."""
    put_transform(bits, _COLOUR_INDEXING)
    bits.put(len(colours) - 1, 8)
    bits.put(0, 1)  # no cache of colours
    channels = [np.array([colour >> place & 255 for colour in colours], np.uint8) for place in _CHANNELS]
    steps = [np.diff(channel, prepend=np.uint8(0)).tolist() for channel in channels]
    sizes = (GREENS, _VALUES, _VALUES, _VALUES)
    counts = (np.bincount(channel, minlength=size) for channel, size in zip(steps, sizes, strict=True))
    codes = [put_code(bits, kind.tolist()) for kind in counts]
    put_code(bits, _NOTHING)
    for colour in zip(*steps, strict=True):
        for code, step in zip(codes, colour, strict=True):
            bits.put(code.codes[step], code.lengths[step])


def put_plane(bits: Bits, plane: NDArray[np.uint8], kernel: NativePlanes) -> None:
    """A picture of one channel, green, by one set of codes: the codes, and then the tokens."""
    with kernel.tokens(plane) as tokens:
        greens = put_code(bits, tokens.greens)
        for _ in range(3):
            put_code(bits, _NOTHING)  # red, blue and alpha, which are nowhere
        distances = put_code(bits, tokens.distances)
        tokens.put(bits, greens, distances)


def plane_cost(plane: NDArray[np.uint8], kernel: NativePlanes) -> int:
    """How many bits its tokens take."""
    with kernel.tokens(plane) as tokens:
        return tokens.bits(PrefixCode.of(tokens.greens).lengths, PrefixCode.of(tokens.distances).lengths)
