"""SSIMULACRA2's maps in NumPy, for machines without the native kernel: the same formulas, in bands of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.judging.ssimulacra2_weights import NEEDS_EDGES, NEEDS_SSIM

Planes = NDArray[np.float32]

_RADIUS = 5
_GAUSSIAN = np.exp(-0.5 * (np.arange(_RADIUS + 1) / 1.5) ** 2)
_TAPS = (_GAUSSIAN / (2 * _GAUSSIAN.sum() - 1)).astype(np.float32)
_C2 = np.float32(0.0009)
_BAND_PIXELS = 1 << 16  # a band's planes stay in the processor's cache

_BYTES = np.arange(256) / 255
_LINEAR = np.where(_BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4).astype(np.float32)  # noqa: PLR2004 - sRGB's knee

_CONES = np.array(
    [
        [0.30, 0.622, 0.078],
        [0.23, 0.692, 0.078],
        [0.24342268924547819, 0.20476744424496821, 0.5518098665095536],
    ],
    np.float32,
)
_BIAS = np.float32(0.0037930732552754493)
_X, _Y, _B = range(3)


class NumpyMaps:
    """A prepared reference: its linear light at every scale below the first, 4 bytes a pixel, is kept."""

    def __init__(self, reference: NDArray[np.uint8], needs: NDArray[np.uint8]) -> None:
        self._needs = needs
        self._scales = list(_scales(reference, len(needs)))

    def sums(self, distorted: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The maps' sums against pixels of the reference's shape, as metric_weights.score_of takes them."""
        sums = np.zeros((len(self._needs), 3, 3, 2))
        pairs = zip(self._scales, _scales(distorted, len(self._needs)), strict=True)
        for needs, result, (one, other) in zip(self._needs, sums, pairs, strict=True):
            _add_scale(one, other, needs, result)
        return sums


class _Picture(Protocol):
    """A picture at one scale: its size, and the linear light (3,n,W) of n of its rows."""

    height: int
    width: int

    def linear(self, rows: NDArray[np.intp]) -> Planes: ...


class _Bytes:
    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.height, self.width = pixels.shape[:2]
        self._pixels = pixels

    def linear(self, rows: NDArray[np.intp]) -> Planes:
        band = self._pixels[rows]
        if band.ndim == 2:  # noqa: PLR2004 - rows and columns only: gray
            band = np.repeat(band[:, :, None], 3, axis=2)
        return _LINEAR[np.ascontiguousarray(np.moveaxis(band, 2, 0))]


class _Light:
    def __init__(self, planes: Planes) -> None:
        self.height, self.width = planes.shape[1:]
        self._planes = planes

    def linear(self, rows: NDArray[np.intp]) -> Planes:
        return self._planes[:, rows]


def _scales(pixels: NDArray[np.uint8], count: int) -> Iterator[_Picture]:
    """The picture at every scale, each half of the one before."""
    current: _Picture = _Bytes(pixels)
    yield current
    for _ in range(1, count):
        current = _Light(_halved(current))
        yield current


def _bands(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Bands of an even number of rows, so that halving never straddles two."""
    rows = max(16, _BAND_PIXELS // width // 2 * 2)
    return ((start, min(start + rows, height)) for start in range(0, height, rows))


def _halved(picture: _Picture) -> Planes:
    """Means of two by two pixels; an odd last column or row is averaged without a partner."""
    height, width = picture.height, picture.width
    result = np.empty((3, (height + 1) // 2, (width + 1) // 2), np.float32)
    for start, stop in _bands(height, width):
        band = picture.linear(np.minimum(np.arange(start, stop + stop % 2), height - 1))
        rows = (band[:, 0::2] + band[:, 1::2]) * np.float32(0.5)
        right = rows[:, :, 1::2] if width % 2 == 0 else np.concatenate([rows[:, :, 1::2], rows[:, :, -1:]], axis=2)
        result[:, start // 2 : (stop + 1) // 2] = (rows[:, :, 0::2] + right) * np.float32(0.5)
    return result


def _add_scale(one: _Picture, other: _Picture, needs: NDArray[np.uint8], sums: NDArray[np.float64]) -> None:
    """Add one scale's maps to sums (3 channels, 3 maps, 2 norms)."""
    if not needs.any():
        return
    for start, stop in _bands(one.height, one.width):
        rows = _mirrored(np.arange(start - _RADIUS, stop + _RADIUS), one.height)
        opsins = _opsin(one.linear(rows), needs), _opsin(other.linear(rows), needs)
        for channel in np.flatnonzero(needs).tolist():
            _add_channel(opsins[0][channel], opsins[1][channel], int(needs[channel]), sums[channel])


def _mirrored(rows: NDArray[np.intp], height: int) -> NDArray[np.intp]:
    """Rows beyond the first and the last, mirrored with the edge itself included."""
    rows = np.where(rows < 0, -rows - 1, rows)
    return np.where(rows >= height, 2 * height - 1 - rows, rows)


def _opsin(linear: Planes, needs: NDArray[np.uint8]) -> dict[int, Planes]:
    """Positive XYB: the channels that are needed, and Y."""
    cones = [_cone(linear, _CONES[i]) for i in range(3 if needs[_B] else 2)]
    half = np.float32(0.5)
    y = (cones[0] + cones[1]) * half
    planes = {_Y: y + np.float32(0.01)}
    if needs[_X]:
        planes[_X] = (cones[0] - cones[1]) * np.float32(7) + np.float32(0.42)
    if needs[_B]:
        planes[_B] = cones[2] - y + np.float32(0.55)
    return planes


def _cone(linear: Planes, weights: Planes) -> Planes:
    mixed = linear[0] * weights[0] + linear[1] * weights[1] + linear[2] * weights[2] + _BIAS
    return cast("Planes", np.cbrt(mixed) - np.cbrt(_BIAS))


def _add_channel(one: Planes, other: Planes, needs: int, sums: NDArray[np.float64]) -> None:
    mean_one, mean_other = _blurred(one), _blurred(other)
    if needs & NEEDS_SSIM:
        difference = one - other
        squares = _blurred(one * one + other * other)
        _add(sums[0], _ssim_map(mean_one, mean_other, _blurred(difference * difference), squares))
    if needs & NEEDS_EDGES:
        edge_one = np.abs(one[_RADIUS:-_RADIUS] - mean_one)
        edge_other = np.abs(other[_RADIUS:-_RADIUS] - mean_other)
        change = (edge_other - edge_one) / (edge_one + np.float32(1))
        _add(sums[1], change)
        _add(sums[2], -change)


def _ssim_map(mean_one: Planes, mean_other: Planes, difference: Planes, squares: Planes) -> Planes:
    """1 - SSIM, written so that equal pictures give 0 and nothing is the small difference of two large numbers."""
    shift = (mean_one - mean_other) ** 2
    spread = squares - (mean_one * mean_one + mean_other * mean_other) + _C2
    return shift + (np.float32(1) - shift) * (difference - shift) / spread


def _add(sums: NDArray[np.float64], values: Planes) -> None:
    positive = np.maximum(values, np.float32(0))
    sums[0] += positive.sum(dtype=np.float64)
    positive *= positive
    sums[1] += np.square(positive).sum(dtype=np.float64)


def _blurred(plane: Planes) -> Planes:
    """The Gaussian of sigma 1.5, 11 by 11: five rows fewer at the top and at the bottom, zeros left and right."""
    down = _filtered(plane, plane.shape[0] - 2 * _RADIUS)
    across = np.zeros((plane.shape[1] + 2 * _RADIUS, down.shape[0]), np.float32)
    across[_RADIUS:-_RADIUS] = down.T
    return _filtered(across, plane.shape[1]).T


def _filtered(plane: Planes, length: int) -> Planes:
    result: Planes = plane[_RADIUS : _RADIUS + length] * _TAPS[0]
    for distance in range(1, _RADIUS + 1):
        before, after = _RADIUS - distance, _RADIUS + distance
        pair = plane[before : before + length] + plane[after : after + length]
        pair *= _TAPS[distance]
        result += pair
    return result
