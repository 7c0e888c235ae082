"""The colours of a palette: chosen by the native kernel on a sample of the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.palette_native import NativePalettes
from leanpix.engine.content.samples import distinct

_SAMPLE_PIXELS = 1_000_000
"""On two or four times as many the kernel finds no better colours (docs/decisions/0131)."""

_QUALITIES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 96, 97, 98, 99, 100)
_ERRORS = (
    *(3000e-6, 1000e-6, 720e-6, 512e-6, 425e-6, 350e-6, 282e-6, 210e-6, 155e-6, 97e-6, 45e-6),
    *(22.5e-6, 11e-6, 5.5e-6, 2.8e-6, 1.4e-6, 0.0),
)
"""What a quality allows, as the kernel measures it: about as many colours as libimagequant takes for a photograph.

From 95 on each allows half of the one before: near black, where a level is 6e-6, all that is worth having lies there
(docs/decisions/0304)."""

FINE_FROM = 95
"""The quality from which on there are halves."""

PALETTE_GRID = (*map(float, range(5, FINE_FROM, 5)), *(half / 2 for half in range(2 * FINE_FROM, 200)))
"""Qualities, one grid for all who look for the fewest colours that suffice: else a higher quality could find fewer than
a lower one."""

_DITHER, _TOLERANCE = 0.5, 100e-6
"""Of each error, by the kernel; and how much further a colour may be to go on with. Together 4 to 12 % fewer bytes at
the same score than 0.4 and the nearest (docs/decisions/0131)."""

_MOST_COLOURS = 256

_MANY_CELLS, _SCORE_OF_MANY = 12_000, 50.0
"""A sample in more cells of 8 levels a channel than this is no picture for a palette: photographs fall into 6,700 at
most and score 54 and more, noise all over the colours into 18,700 and scores 34 at most."""

_BANDS = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}
"""Of a palette's colours, by a picture's number of bands."""

_SHOWN_AT_ONCE = 250_000
"""Pixels: numpy makes eight bytes of each index."""

_LIGHTNESS = np.array([0.5, 1.0, 0.45])


@dataclass(frozen=True, slots=True)
class Palettes:
    """The palettes of one picture, each made once. sample: pixels that stand for all of its colours."""

    sample: NDArray[np.uint8]
    kernel: NativePalettes
    _made: dict[float, NDArray[np.uint8]] = field(default_factory=dict)

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], kernel: NativePalettes) -> Palettes:
        """For (rows, width, bands) pixels: a grid of them, and where there are few colours, every one of those."""
        step = math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / _SAMPLE_PIXELS))
        sample = np.ascontiguousarray(pixels[::step, ::step])
        few = None if step == 1 else kernel.few_colours(pixels)
        return cls(sample if few is None else _with_colours(sample, few), kernel)

    @property
    def most_score(self) -> float:
        """What no palette of the picture scores, by where its colours lie."""
        if self.sample.shape[2] != len(_BANDS[3]):
            return 100.0
        red, green, blue = (self.sample[:, :, band].astype(np.uint32) >> 3 for band in range(3))
        cells = np.bincount((red << 10 | green << 5 | blue).reshape(-1), minlength=1)
        return _SCORE_OF_MANY if np.count_nonzero(cells) > _MANY_CELLS else 100.0

    def indices(self, pixels: NDArray[np.uint8], quality: float) -> bytearray:
        """A byte a pixel of the picture or a part of it, into the palette of a quality."""
        return self.kernel.indices(pixels, self.at(quality), _DITHER, _TOLERANCE)

    def shown(self, indices: bytearray, quality: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The (rows, width, bands) pixels that these indices into the palette of a quality stand for."""
        colours = np.ascontiguousarray(self.at(quality)[:, _BANDS[shape[2]]])
        pixels, each = np.empty((len(indices), shape[2]), np.uint8), np.frombuffer(indices, np.uint8)
        for first in range(0, len(indices), _SHOWN_AT_ONCE):
            part = slice(first, first + _SHOWN_AT_ONCE)
            np.take(colours, each[part], axis=0, out=pixels[part], mode="clip")
        return pixels.reshape(shape)

    def first_like(self, quality: float) -> float:
        """The lowest quality so far that took all colours there may be, for all above have the same; else this one."""
        full = (made for made, colours in self._made.items() if made < quality and len(colours) == _MOST_COLOURS)
        return min(full, default=quality)

    def at(self, quality: float) -> NDArray[np.uint8]:
        """The RGBA colours, at most 256, as few as the quality of 1 to 100 needs."""
        if quality not in self._made:
            allowed = float(np.interp(quality, _QUALITIES, _ERRORS))
            self._made[quality] = _ordered(self.kernel.chosen(self.sample, allowed))
        return self._made[quality]


def _with_colours(sample: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The sample with rows below it that hold each of the RGBA colours: a grid steps over what is small."""
    _, width, bands = sample.shape
    return np.concatenate(
        [sample, np.resize(colours[:, _BANDS[bands]], (math.ceil(len(colours) / width), width, bands))]
    )


def _ordered(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each once: the opaque ones last, for they take no bytes of the alphas, and similar ones near to each other.

    Neighbours' indices are similar numbers then, which packs up to 0.8 % better.
    """
    numbers = distinct(np.ascontiguousarray(colours).view(">u4").ravel().astype(np.uint32))
    once = numbers.astype(">u4").view(np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(once[np.lexsort((once[:, :3] @ _LIGHTNESS, once[:, 3]))])
