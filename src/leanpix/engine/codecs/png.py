"""PNG: a dithered palette by libimagequant inside libvips, or every pixel as it is; both packed by oxipng."""

from __future__ import annotations

from dataclasses import dataclass

import oxipng

from leanpix.domain.formats import OutputFormat
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Encoded, Raster
from leanpix.engine.search import Axis

_PACK_LEVEL = {Effort.FULL: 2, Effort.REDUCED: 1, Effort.MINIMAL: 0}
_PALETTE_EFFORT = {Effort.FULL: 7, Effort.REDUCED: 4, Effort.MINIMAL: 1}
_COLOUR_CHUNKS = [b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP"]
"""All that may stay beside the pixels: without them the colours would be other ones."""


@dataclass(frozen=True, slots=True)
class PngEncoder:
    """Palettes over libimagequant's quality of 1 to 100: it takes as few colours as that needs, at most 256."""

    raster: Raster
    effort: Effort

    @property
    def lossless_from(self) -> int:
        """Quality 100 is every pixel as it is."""
        return 100

    @property
    def axis(self) -> Axis:
        """Libimagequant's quality."""
        return Axis(1, 100, start=80, slope=0.015, step=1)

    def knob_for(self, quality: float) -> float:
        """The quality is libimagequant's own."""
        return float(quality)

    def encode(self, knob: float) -> Encoded:
        """One palette, dithered, packed."""
        effort = _PALETTE_EFFORT[self.effort]
        image = self.raster.image()
        data = image.pngsave_buffer(
            palette=True, Q=int(knob), dither=1.0, effort=effort, compression=1, keep=self.raster.keep
        )
        packed = _pack(data, self.effort)
        return Encoded(packed, f"palette (effort {effort}) + oxipng {_PACK_LEVEL[self.effort]}", quality=int(knob))

    def lossless(self, max_bytes: int) -> Encoded | None:
        """Every pixel kept; oxipng finds the smallest colour type and the filters."""
        rows, width, _ = self.raster.pixels.shape
        level = _PACK_LEVEL[self.effort]
        raw = oxipng.RawImage(self.raster.pixels.tobytes(), width, rows, color_type=self._colour_type())
        if self.raster.icc_profile is not None:
            raw.add_icc_profile(self.raster.icc_profile)
        data: bytes = raw.create_optimized_png(level=level)
        return Encoded(data, f"oxipng {level}", is_lossless=True) if len(data) <= max_bytes else None

    def _colour_type(self) -> oxipng.ColorType:
        kinds = oxipng.ColorType
        makers = {1: kinds.grayscale, 2: kinds.grayscale_alpha, 3: kinds.rgb, 4: kinds.rgba}
        return makers[self.raster.pixels.shape[2]]()


@dataclass(frozen=True, slots=True)
class PngCodec:
    """The PNG format."""

    format = OutputFormat.PNG

    def open(self, raster: Raster, effort: Effort) -> PngEncoder:
        """Nothing needs to be judged beforehand."""
        return PngEncoder(raster, effort)

    def repack(self, source: bytes, effort: Effort) -> Encoded | None:
        """The source's own samples, 16 bits and all, packed anew; only what its colours need stays beside them."""
        try:
            data = _pack(source, effort)
        except oxipng.PngError:
            return None
        return Encoded(data, f"oxipng {_PACK_LEVEL[effort]}", is_lossless=True)


def _pack(data: bytes, effort: Effort) -> bytes:
    packed: bytes = oxipng.optimize_from_memory(
        data, level=_PACK_LEVEL[effort], strip=oxipng.StripChunks.keep(_COLOUR_CHUNKS)
    )
    return packed
