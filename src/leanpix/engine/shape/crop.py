"""Which part of a picture is kept where it hangs over: what draws the eye, or a whole object on plain ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.domain.request import Crop
from leanpix.engine.shape.transform import has_alpha

_PLAIN = 12
"""How far from the corner's colour a sample on the edge of plain ground may be, of 255."""

_MARGIN = 0.08
"""How much of the longer side of an object is left free around it."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture; it may reach beyond the picture's edges."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Part:
    """A box, and what lies beyond the picture's edges in it; ground None: it stays within."""

    box: Box
    ground: list[float] | None = None

    def of(self, image: pyvips.Image) -> pyvips.Image:
        """This part of an image."""
        box = self.box
        if self.ground is None:
            return image.crop(box.left, box.top, box.width, box.height)
        wide, high = image.width + 2 * box.width, image.height + 2 * box.height
        grown = image.embed(box.width, box.height, wide, high, extend="background", background=self.ground)
        return grown.crop(box.left + box.width, box.top + box.height, box.width, box.height)


def chosen_part(image: pyvips.Image, width: int, height: int, crop: Crop) -> Part:
    """What to keep of an upright image that hangs over this size; to be scaled down to it. The image must be held."""
    found = object_on_plain_ground(image, width, height) if crop is Crop.OBJECT else None
    return found or Part(attention(image, min(width, image.width), min(height, image.height)))


def attention(image: pyvips.Image, width: int, height: int) -> Box:
    """The part of this size that draws the eye by edges, skin and saturated colour; the image must be held."""
    seen = image.flatten(background=255) if has_alpha(image) else image
    part = seen.smartcrop(width, height, interesting="attention")
    return Box(-part.xoffset, -part.yoffset, width, height)


def object_on_plain_ground(image: pyvips.Image, width: int, height: int) -> Part | None:
    """A part in these proportions, at least this large, around all that is not ground.

    None where the picture's edges are not of one colour, or nothing is on them. The image must be held.
    """
    layer = _telling(image)
    ground = layer(0, 0)
    if not _has_plain_edges(layer, ground):
        return None
    left, top, wide, high = layer.find_trim(threshold=_PLAIN, background=ground)
    if not wide or not high:
        return None
    room = 2 * _MARGIN * max(wide, high)
    scale = max((wide + room) / width, (high + room) / height, 1.0)
    width, height = round(width * scale), round(height * scale)
    box = Box(left + (wide - width) // 2, top + (high - height) // 2, width, height)
    return Part(box, image(0, 0))


def _telling(image: pyvips.Image) -> pyvips.Image:
    """What tells an object from its ground: alpha where the corner is transparent, else the colours."""
    if not has_alpha(image):
        return image
    return image[image.bands - 1] if image(0, 0)[-1] == 0 else image.flatten(background=255)


def _has_plain_edges(image: pyvips.Image, ground: list[float]) -> bool:
    right, bottom = image.width - 1, image.height - 1
    strips = (
        image.crop(0, 0, image.width, 1),
        image.crop(0, bottom, image.width, 1),
        image.crop(0, 0, 1, image.height),
        image.crop(right, 0, 1, image.height),
    )
    return all(_furthest(strip.numpy(), ground) <= _PLAIN for strip in strips)


def _furthest(samples: NDArray[np.generic], ground: list[float]) -> float:
    return float(np.abs(samples.reshape(-1, len(ground)).astype(float) - ground).max())
