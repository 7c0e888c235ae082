"""Frames laid upon each other on one canvas, as the specifications of APNG and GIF say: disposal and blending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8]
_OPAQUE = 255


class Disposal(Enum):
    """What becomes of a frame's place before the next is laid."""

    KEEP = auto()
    CLEAR = auto()
    """Fully transparent: browsers show no background colour."""
    RESTORE = auto()


class Blend(Enum):
    """How a frame is laid on what is there."""

    REPLACE = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class FrameControl:
    """Where a frame lies, maybe partly beyond the canvas, and how it is laid and taken away."""

    left: int
    top: int
    width_px: int
    height_px: int
    disposal: Disposal = Disposal.KEEP
    blend: Blend = Blend.OVER

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height."""
        return self.left, self.top, self.width_px, self.height_px


def composed(size: tuple[int, int], count: int, bands: int, layers: Iterable[tuple[FrameControl, Samples]]) -> Samples:
    """The canvas after each of the first count layers, stacked: (count * height, width, bands) of straight alpha.

    layers: each frame's place and its (height, width, 4) samples. bands: 3 where no pixel is ever transparent.
    """
    width, height = size
    stacked = np.empty((count * height, width, bands), np.uint8)
    canvas = np.zeros((height, width, 4), np.uint8)
    for number, (place, samples) in zip(range(count), layers, strict=False):
        rows, columns = slice(place.top, place.top + place.height_px), slice(place.left, place.left + place.width_px)
        area = canvas[rows, columns]
        before = area.copy() if place.disposal is Disposal.RESTORE else None
        _lay(area, samples[: area.shape[0], : area.shape[1]], place.blend)
        stacked[number * height : (number + 1) * height] = canvas[..., :bands]
        if place.disposal is Disposal.CLEAR:
            area[:] = 0
        elif before is not None:
            area[:] = before
    return stacked


def _lay(ground: Samples, samples: Samples, blend: Blend) -> None:
    """Lay samples on the ground, in place. Over: by the formulas of the PNG specification, in straight alpha."""
    alpha = samples[..., 3:]
    if blend is Blend.REPLACE:
        ground[:] = samples
        return
    mixed = ((alpha > 0) & (alpha < _OPAQUE) & (ground[..., 3:] > 0))[..., 0]
    np.copyto(ground, samples, where=(alpha == _OPAQUE) | (ground[..., 3:] == 0))
    if not mixed.any():
        return
    upper, lower = samples[mixed].astype(np.float32), ground[mixed].astype(np.float32)
    share = upper[:, 3:] / _OPAQUE
    lower_share = lower[:, 3:] / _OPAQUE * (1 - share)
    whole = share + lower_share
    colours = (upper[:, :3] * share + lower[:, :3] * lower_share) / whole
    ground[mixed] = np.concatenate([colours, whole * _OPAQUE], axis=1).round().astype(np.uint8)
