"""The colours of a palette: chosen by libimagequant, inside libvips, on a sample of the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.engine.codecs.palette_native import NativePalettes
from leanpix.engine.headers.png_chunks import first_chunks

_SAMPLE_PIXELS = 500_000
"""On more of them libimagequant finds colours that score 0.3 points better at most, in up to four times the time."""

_MANY_CELLS, _SCORE_OF_MANY = 12_000, 50.0
"""A sample in more cells of 8 levels a channel than this is no picture for a palette: photographs fall into 6,700 at
most and score 54 and more, noise all over the colours into 18,700 and scores 34 at most."""

_BANDS = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}
"""Of a palette's colours, by a picture's number of bands."""

_EFFORT = 7
_OPAQUE = 255


@dataclass(frozen=True, slots=True)
class Palettes:
    """The palettes of one picture, each made once. sample: pixels that stand for all of its colours."""

    sample: NDArray[np.uint8]
    kernel: NativePalettes
    _made: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

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

    def shown(self, indices: bytearray, quality: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The (rows, width, bands) pixels that these indices into the palette of a quality stand for."""
        colours = np.ascontiguousarray(self.at(quality)[:, _BANDS[shape[2]]])
        return colours[np.frombuffer(indices, np.uint8)].reshape(shape)

    def at(self, quality: int) -> NDArray[np.uint8]:
        """The RGBA colours, at most 256, as few as the quality of 1 to 100 needs."""
        if quality not in self._made:
            self._made[quality] = _chosen(self.sample, quality)
        return self._made[quality]


def _with_colours(sample: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The sample with rows below it that hold each of the RGBA colours: a grid steps over what is small."""
    _, width, bands = sample.shape
    return np.concatenate(
        [sample, np.resize(colours[:, _BANDS[bands]], (math.ceil(len(colours) / width), width, bands))]
    )


def _chosen(sample: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    rows, width, bands = sample.shape
    image = pyvips.Image.new_from_memory(sample.reshape(-1).data, width, rows, bands, "uchar")
    image = image.copy(interpretation="b-w" if bands <= 2 else "srgb")  # noqa: PLR2004 - gray, with or without alpha
    written = image.pngsave_buffer(palette=True, Q=quality, dither=0, effort=_EFFORT, compression=0, keep="none")
    found = first_chunks(written, b"PLTE", b"tRNS")
    colours = np.frombuffer(found[b"PLTE"], np.uint8).reshape(-1, 3)
    alphas = np.frombuffer(found.get(b"tRNS", b"").ljust(len(colours), bytes([_OPAQUE])), np.uint8)
    return np.ascontiguousarray(np.column_stack([colours, alphas]))
