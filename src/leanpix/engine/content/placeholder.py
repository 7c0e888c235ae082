"""What a page shows before a picture is there: a ThumbHash of some 25 bytes, and the colour that there is most of.

ThumbHash as Evan Wallace has published it: a discrete cosine transform of luminance, two colour differences and alpha,
the lowest frequencies alone, 4 bits each.
"""

from __future__ import annotations

import base64
import math

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.domain.report import Placeholder

_MOST_SIDE_PX = 100
_OPAQUE = 255
_GRAYS, _ALPHAS = (1, 2), (2, 4)
_COARSE = 4
"""Bits of a sample by which colours count as one."""


def placeholder_of(pixels: NDArray[np.uint8]) -> Placeholder:
    """Of (height, width, bands) pixels in sRGB or gray."""
    rgba = _rgba(_small(pixels))
    return Placeholder(base64.b64encode(thumbhash(rgba)).decode(), dominant_colour(rgba))


def thumbhash(rgba: NDArray[np.uint8]) -> bytes:
    """Of (height, width, 4) pixels, no side over 100 px."""
    height, width = rgba.shape[:2]
    samples = rgba.astype(np.float64) / _OPAQUE
    alpha = samples[..., 3]
    weight = alpha.sum()
    has_alpha = bool(weight < width * height)
    average = (samples[..., :3] * alpha[..., None]).sum((0, 1)) / weight if weight else np.zeros(3)
    red, green, blue = np.moveaxis(average * (1 - alpha[..., None]) + samples[..., :3] * alpha[..., None], 2, 0)

    limit = 5 if has_alpha else 7
    across, down = (max(1, _rounded(limit * side / max(width, height))) for side in (width, height))
    light = _frequencies((red + green + blue) / 3, max(3, across), max(3, down))
    yellow = _frequencies((red + green) / 2 - blue, 3, 3)
    scarlet = _frequencies(red - green, 3, 3)
    clear = _frequencies(alpha, 5, 5) if has_alpha else None

    is_wide = width > height
    first = _rounded(63 * light[0]) | _rounded(31.5 + 31.5 * yellow[0]) << 6 | _rounded(31.5 + 31.5 * scarlet[0]) << 12
    first |= _rounded(31 * light[2]) << 18 | has_alpha << 23
    second = (
        (down if is_wide else across) | _rounded(63 * yellow[2]) << 3 | _rounded(63 * scarlet[2]) << 9 | is_wide << 15
    )
    packed = bytearray(first.to_bytes(3, "little") + second.to_bytes(2, "little"))
    if clear is not None:
        packed.append(_rounded(15 * clear[0]) | _rounded(15 * clear[2]) << 4)
    halves = [_rounded(15 * one) for each in (light, yellow, scarlet, clear) if each is not None for one in each[1]]
    halves += [0] * (len(halves) % 2)
    return bytes(packed) + bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))


def dominant_colour(rgba: NDArray[np.uint8]) -> str:
    """The mean of the largest group of like colours, as six hex digits; white where all is transparent."""
    seen = rgba[rgba[..., 3] > _OPAQUE // 2][:, :3].astype(np.int64)
    if not len(seen):
        return "ffffff"
    coarse = seen >> (8 - _COARSE)
    groups = coarse[:, 0] << 2 * _COARSE | coarse[:, 1] << _COARSE | coarse[:, 2]
    largest = np.bincount(groups).argmax()
    return bytes(seen[groups == largest].mean(0).round().astype(np.uint8)).hex()


def _frequencies(channel: NDArray[np.float64], across: int, down: int) -> tuple[float, list[float], float]:
    """The mean, the triangle of lowest frequencies from 0 to 1, and their scale."""
    height, width = channel.shape
    found, mean = list[float](), 0.0
    for row in range(down):
        column = 0
        while column * down < across * (down - row):
            wave_x = np.cos(np.pi / width * column * (np.arange(width) + 0.5))
            wave_y = np.cos(np.pi / height * row * (np.arange(height) + 0.5))
            value = float(wave_y @ channel @ wave_x) / (width * height)
            if row or column:
                found.append(value)
            else:
                mean = value
            column += 1
    scale = max(map(abs, found), default=0.0)
    return mean, [0.5 + 0.5 / scale * one for one in found] if scale else found, scale


def _rounded(value: float) -> int:
    """Halves go up, as in the published code; Python's own go to the even number."""
    return math.floor(value + 0.5)


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, bands = pixels.shape
    scale = _MOST_SIDE_PX / max(height, width)
    if scale >= 1:
        return pixels
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).data, width, height, bands, "uchar")
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    made: NDArray[np.uint8] = np.ascontiguousarray(image.resize(wide / width, vscale=high / height).numpy())
    return made.reshape(high, wide, bands)


def _rgba(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    bands = pixels.shape[2]
    colour = np.repeat(pixels[..., :1], 3, axis=2) if bands in _GRAYS else pixels[..., :3]
    alpha = pixels[..., -1:] if bands in _ALPHAS else np.full((*pixels.shape[:2], 1), _OPAQUE, np.uint8)
    return np.concatenate([colour, alpha], axis=2)
