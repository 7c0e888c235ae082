"""ICC profiles written by hand, for pictures in spaces that no library here has at hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D65, D50_XY = (0.3127, 0.3290), (0.3457, 0.3585)
Point = tuple[float, float]

ADOBE_RGB = (D65, ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 2.19921875)
PROPHOTO = (D50_XY, ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), 1.8)
DISPLAY_P3 = (D65, ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), 2.2)
"""White, the primaries, and a pure power; Display P3's own curve is sRGB's, near 2.2."""


def to_xyz(white: Point, primaries: Sequence[Point]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The matrix from linear RGB to XYZ of D50."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in primaries]).T
    source = np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])
    cones = np.diag((_BRADFORD @ D50) / (_BRADFORD @ source))
    adapted: np.ndarray[tuple[int, int], np.dtype[np.float64]] = (
        np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ (columns * np.linalg.solve(columns, source))
    )
    return adapted


def rgb_profile(
    white: Point, primaries: Sequence[Point], gamma: float, *, order: Sequence[int] = (0, 1, 2), name: str = "test"
) -> bytes:
    """A matrix profile; `order` says which primary each of the file's channels is."""
    matrix = to_xyz(white, primaries)
    tags = {tag: _xyz(matrix[:, order[band]]) for band, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(gamma))
    return _profile(b"RGB ", name, tags | curves)


def gray_profile(gamma: float, name: str = "test gray") -> bytes:
    """A gray profile of a pure power."""
    return _profile(b"GRAY", name, {b"kTRC": _gamma(gamma)})


def _profile(space: bytes, name: str, tags: dict[bytes, bytes]) -> bytes:
    text = name.encode()
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(78)
    tags = {b"desc": described, b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(D50), **tags}
    table, body, start = [struct.pack(">I", len(tags))], b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table.append(struct.pack(">4sII", tag, start + len(body), len(content)))
        body += content + bytes(-len(content) % 4)
    whole = b"".join(table) + body
    head = struct.pack(">I4sI4s4s4s", 128 + len(whole), b"test", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", *map(_fixed, D50))
    return head + bytes(128 - len(head)) + whole


def _xyz(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *map(_fixed, values))


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _fixed(value: float) -> int:
    return round(value * 65536)
