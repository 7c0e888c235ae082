"""ICC profiles made of primaries and a tone curve, for pictures that state those in another way."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Curve = float | tuple[float, float, float, float, float] | None
"""A tone curve: a pure power; (g, a, b, c, d) for (a x + b)^g, below d the line c x; or None for sRGB's own."""

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_HEADER_BYTES, _ENTRY_BYTES = 128, 12
_SMALLEST_TRIANGLE = 1e-3


@dataclass(frozen=True, slots=True)
class Primaries:
    """Chromaticities (x, y) of white and of the three primaries."""

    white: Point
    red: Point
    green: Point
    blue: Point

    def flat(self) -> tuple[float, ...]:
        """The eight numbers in their order."""
        return (*self.white, *self.red, *self.green, *self.blue)

    @property
    def is_usable(self) -> bool:
        """Whether the primaries span a triangle with white somewhere above the line of purples."""
        (rx, ry), (gx, gy), (bx, by) = self.red, self.green, self.blue
        area = abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry)) / 2
        return area > _SMALLEST_TRIANGLE and min(self.white[1], ry, gy, by) > 0


SRGB_PRIMARIES = Primaries((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def matrix_profile(primaries: Primaries, curve: Curve) -> bytes:
    """An RGB display profile."""
    return _rgb_profile(primaries, _parametric(curve))


def _rgb_profile(primaries: Primaries, curve: bytes) -> bytes:
    columns = _to_d50(primaries).T
    tags = {b"wtpt": _xyz(_D50)}
    for letter, column in zip(b"rgb", columns, strict=True):
        tags[bytes([letter]) + b"XYZ"] = _xyz(tuple(column))
        tags[bytes([letter]) + b"TRC"] = curve
    return _profile(b"RGB ", tags)


def gray_profile(curve: Curve) -> bytes:
    """A gray display profile."""
    return _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _parametric(curve)})


def rgb_twin(gray: bytes) -> bytes | None:
    """An RGB profile with the tone curve of a sound gray one; None where that has none.

    LittleCMS takes gray through Lab in steps that are coarse in the dark: linear light of 1/255 came out at half.
    """
    count = int.from_bytes(gray[_HEADER_BYTES : _HEADER_BYTES + 4])
    for number in range(count):
        name, at, size = struct.unpack_from(">4sII", gray, _HEADER_BYTES + 4 + _ENTRY_BYTES * number)
        if name == b"kTRC":
            return _rgb_profile(SRGB_PRIMARIES, gray[at : at + size])
    return None


def rgb_to_rgb(source: Primaries, target: Primaries) -> NDArray[np.float64]:
    """The matrix between linear RGBs, white adapted by Bradford's method."""
    matrix: NDArray[np.float64] = np.linalg.inv(_to_d50(target)) @ _to_d50(source)
    return matrix


def _to_d50(primaries: Primaries) -> NDArray[np.float64]:
    """The matrix from linear RGB to XYZ under D50, white adapted by Bradford's method."""
    unscaled = np.array([(x, y, 1 - x - y) for x, y in (primaries.red, primaries.green, primaries.blue)]).T
    white = np.array(_xyz_of(primaries.white))
    matrix = unscaled * np.linalg.solve(unscaled, white)
    gains = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ (gains[:, np.newaxis] * _BRADFORD) @ matrix
    return adapted


def _xyz_of(point: Point) -> tuple[float, float, float]:
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    at = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    header = struct.pack(">I4sI4s4s4s12x4s", size, b"\0\0\0\0", 0x04200000, b"mntr", space, b"XYZ ", b"acsp")
    header = (header.ljust(68, b"\0") + struct.pack(">3i", *map(_fixed, _D50))).ljust(_HEADER_BYTES, b"\0")
    return header + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *map(_fixed, values))


def _parametric(curve: Curve) -> bytes:
    values = (curve,) if isinstance(curve, float) else curve or _SRGB_CURVE
    kind = 0 if isinstance(curve, float) else 3
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + struct.pack(f">{len(values)}i", *map(_fixed, values))


def _fixed(value: float) -> int:
    return round(value * 65536)
