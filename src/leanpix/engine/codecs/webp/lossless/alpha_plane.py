"""The alpha of large WebP pictures, coded without libwebp, which takes 16 to 30 bytes a pixel for it.

The payload of an ALPH chunk (RFC 9649, section 2.7.1.2): a filter, then the lossless format without its header.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.webp.lossless.alpha_native import NativePlanes
from leanpix.engine.codecs.webp.lossless.parts import (
    bundle_power,
    end_transforms,
    plane_cost,
    put_colour_indexing,
    put_plane,
)
from leanpix.engine.codecs.webp.lossless.prefix_codes import Bits

_LOSSLESS, _LEVELS_REDUCED = 1, 0x10
_NONE, _HORIZONTAL, _VERTICAL = range(3)
_VALUES, _GREEN = 256, 8

_STRIP_ROWS, _SAMPLED_EVERY = 128, 16
_REFINEMENTS = 8
Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AlphaPlanes:
    """The alpha of one picture, coded once for each quality."""

    kernel: NativePlanes
    _made: dict[int, bytes] = field(default_factory=dict)

    def of(self, pixels: NDArray[np.uint8], quality: int) -> bytes:
        """The payload of the ALPH chunk of (rows, width, 2 or 4) pixels, the same ones each time."""
        if quality not in self._made:
            self._made[quality] = encode_alpha(np.ascontiguousarray(pixels[:, :, -1]), quality, self.kernel)
        return self._made[quality]


@dataclass(frozen=True, slots=True)
class _Way:
    """How a plane is made ready: a filter, and whether values are brought together."""

    filter: int
    is_reduced: bool


def encode_alpha(alpha: Plane, quality: int, kernel: NativePlanes) -> bytes:
    """The chunk's payload of an (H,W) alpha plane, which is used up: there is memory for one.

    quality: 0 to 100; only at 100 every value is kept.
    """
    reduced = _reducing(_counts(alpha), _levels(quality))
    ways = [_Way(kind, is_reduced) for kind in (_NONE, _HORIZONTAL, _VERTICAL) for is_reduced in (False, True)]
    ways = [way for way in ways if way.is_reduced is (reduced is not None) or not way.is_reduced]
    sample = _sample(alpha)
    way = min(ways, key=lambda way: plane_cost(_ready(sample.copy(), way, reduced), kernel))
    head = _LOSSLESS | way.filter << 2 | _LEVELS_REDUCED * way.is_reduced
    return bytes([head]) + _coded(_ready(alpha, way, reduced), kernel)


def _counts(plane: Plane) -> NDArray[np.int64]:
    """How often each value occurs; strip by strip, for NumPy counts in eight bytes a pixel."""
    strips = range(0, plane.shape[0], _STRIP_ROWS)
    counts = [np.bincount(plane[top : top + _STRIP_ROWS].reshape(-1), minlength=_VALUES) for top in strips]
    return np.asarray(np.sum(counts, axis=0))


def _levels(quality: int) -> int:
    """As libwebp has it: 2 to 16 up to a quality of 70, 256 at 100."""
    return 2 + quality // 5 if quality <= 70 else 16 + (quality - 70) * 8  # noqa: PLR2004 - as above


def _reducing(counts: NDArray[np.int64], levels: int) -> Plane | None:
    """A table of so many values for all of them, the least and the greatest kept; None where there are no more."""
    values = np.flatnonzero(counts)
    if len(values) <= levels:
        return None
    chosen = np.linspace(values[0], values[-1], levels)
    for _ in range(_REFINEMENTS):
        nearest = np.searchsorted((chosen[1:] + chosen[:-1]) / 2, np.arange(_VALUES))
        weights = np.bincount(nearest, counts, levels)
        means = np.bincount(nearest, counts * np.arange(_VALUES), levels) / np.maximum(weights, 1)
        chosen = np.where(weights > 0, means, chosen)
        chosen[0], chosen[-1] = values[0], values[-1]
    return np.rint(chosen)[nearest].astype(np.uint8)


def _sample(plane: Plane) -> Plane:
    """Every sixteenth strip of a large plane: enough to tell which way is the shortest."""
    if plane.shape[0] <= _STRIP_ROWS * _SAMPLED_EVERY:
        return plane
    tops = range(0, plane.shape[0], _STRIP_ROWS * _SAMPLED_EVERY)
    return np.concatenate([plane[top : top + _STRIP_ROWS] for top in tops])


def _ready(plane: Plane, way: _Way, reduced: Plane | None) -> Plane:
    """The very plane, changed."""
    if way.is_reduced and reduced is not None:
        _look_up(reduced, plane)
    if way.filter != _NONE:
        # The first row is predicted from the left and the first column from above, whatever the filter.
        left, above = plane[:, :-1], plane[:-1].copy()
        plane[1:, 1:] -= left[1:] if way.filter == _HORIZONTAL else above[:, 1:]
        plane[0, 1:] -= left[0]
        plane[1:, 0] -= above[:, 0]
    return plane


def _look_up(table: Plane, plane: Plane) -> None:
    """Each value of a plane by what the table has for it, in place."""
    for top in range(0, plane.shape[0], _STRIP_ROWS):
        strip = plane[top : top + _STRIP_ROWS]
        strip[:] = table[strip]


def _coded(plane: Plane, kernel: NativePlanes) -> bytes:
    """As a picture of one channel, green, whose values are numbers in a table: decoders keep such in a byte each."""
    values = np.flatnonzero(_counts(plane))
    bits = Bits()
    put_colour_indexing(bits, [int(value) << _GREEN for value in values])
    end_transforms(bits)
    bits.put(0, 2)  # no cache of colours, the same codes everywhere
    numbers = np.zeros(_VALUES, np.uint8)
    numbers[values] = np.arange(len(values))
    _look_up(numbers, plane)
    put_plane(bits, _bundled(plane, len(values)), kernel)
    return bytes(bits.filled())


def _bundled(plane: Plane, values: int) -> Plane:
    """As many pixels in a byte as the format has for so many values, the first one lowest."""
    power = bundle_power(values)
    if not power:
        return plane
    rows, width = plane.shape
    pixels, bits = 1 << power, 8 >> power
    bundled = np.zeros((rows, -(-width // pixels)), np.uint8)
    for place in range(pixels):
        part = plane[:, place::pixels]
        bundled[:, : part.shape[1]] |= part << (place * bits)
    return bundled
