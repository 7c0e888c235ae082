"""WebP: lossy at any fraction of a quality by libwebp itself; lossless and animated by libwebp inside libvips.

Of large pictures what is lossless is coded without libwebp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.worst_place import Measure
from leanpix.engine.budget import Effort
from leanpix.engine.codecs import priors
from leanpix.engine.codecs.base import Encoded, Goal, Mend, Raster
from leanpix.engine.codecs.offers import Facts, Offer, SourceSize, lossless, lossy, repacked_source
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.codecs.webp.animated import animated_webp, has_lost_motion
from leanpix.engine.codecs.webp.hidden_colours import HiddenColours
from leanpix.engine.codecs.webp.libwebp import encode_libwebp, libwebp_backend, modes_bytes
from leanpix.engine.codecs.webp.libwebp_native import MODES_BYTES, NOISE_SHAPING, LossySettings
from leanpix.engine.codecs.webp.lossless.alpha_native import native_planes
from leanpix.engine.codecs.webp.lossless.alpha_plane import AlphaPlanes
from leanpix.engine.codecs.webp.lossless.encoder import MAX_SIDE_PX, LosslessKernels, encode_lossless, lossless_kernels
from leanpix.engine.codecs.webp.riff import lossless_file, without_metadata, without_profile
from leanpix.engine.content.cells.thin_colour import halved_chroma_loss
from leanpix.engine.content.samples import is_colourful, sample_strips, texture
from leanpix.engine.libraries.malloc_trim import trim_malloc
from leanpix.engine.resources import LARGE_WEBP_PIXELS

_METHOD, _QUICK_METHOD = 5, 2
"""libwebp's method: 5 takes 3 % fewer bytes than 4 for a tenth more time, 6 another 2-3 % for two and a half times
as much; 2 keeps the several encodes of 64 MP that a size takes inside the time limit."""

_SECONDS_A_PIXEL = 0.2e-6
"""Twice what method 5 takes: with so much time left the one encode of the whole that a quality or a score takes is
made with it, whatever the size."""

_NEVER = 101
_THOROUGH_METHOD = 6
_THOROUGH_UP_TO_PIXELS = 3_000_000  # 8 MP took 11 s to a size, 5 s without
_THOROUGH_AT_QUALITY_UP_TO_PIXELS = 1_000_000
"""At a stated quality, one encode as a rule: 2 % fewer bytes for a tenth of a second at most (docs/decisions/0280)."""

_BUSY = 0.5
"""The share of pixels unlike their left neighbour above which most blocks have detail: photographs have 0.9."""

_LOWEST_ALPHA_QUALITY = 50

_LEAN_PIXELS = 36_000_000
"""Above, with alpha or much detail, there is no room for the tokens that libwebp would hold beside them."""

_LOSSLESS_METHOD = {Effort.FULL: 4, Effort.REDUCED: 2, Effort.MINIMAL: 0}
_LOSSLESS_QUALITY = 75
"""How hard libwebp looks for what repeats; its own default."""

_SLOWER_LOSSLESS = ((16_384, 6, 100), (3_000_000, 5, 90))
"""Pixels at most, method and quality: 5 at 90 takes 0.2 to 5 % fewer bytes for 1 to 4 seconds a megapixel, 6 at 100
another percent (icons a fifth) for 5 to 30 (docs/decisions/0280)."""
_THIN_COLOUR = 24.0
"""Loss of thin coloured things by halved chroma from which on it is halved with care (docs/decisions/0171)."""

_THIN_PROMISES = ((75.0, 55.0), (90.0, 62.0))
_PROMISED_FROM, _PROMISED = 95.0, 85.0
"""Qualities and scores: what people ask so much for (docs/decisions/0347)."""

_STEPS_A_QUALITY = 10
"""Between two whole qualities libwebp has two to ten different results, the more the lower the quality."""

_STEEP_BELOW, _STEEP_STEPS_A_QUALITY = 5, 100
"""At the very end a tenth of a quality would be up to a quarter of the bytes."""

_LESS_NOISE_SHAPING = 30
"""Where a tenth of a quality is up to a fifth of the bytes (noise, quality 90 and more) this has steps between."""

# Medians over twelve Kodak photographs at method 5: log(bits per pixel) and score at libwebp's quality.
_RATES = PriorCurve((
    (0, -2.277), (0.3, -2.047), (1, -1.918), (3, -1.722), (5, -1.614), (10, -1.422), (20, -1.151), (30, -0.919),
    (40, -0.73), (50, -0.577), (60, -0.432), (70, -0.302), (75, -0.228), (80, -0.009), (85, 0.229), (90, 0.556),
    (95, 0.979), (98, 1.195), (100, 1.285),
))  # fmt: skip
_SCORES = PriorCurve((
    (0, -28.5), (0.3, -10), (1, -2.2), (3, 8.9), (5, 15.3), (10, 26.6), (20, 40.6), (30, 49.1), (40, 55.5), (50, 60.9),
    (60, 64.7), (70, 68.2), (75, 69.9), (80, 74.1), (85, 78.2), (90, 83.5), (95, 87.8), (98, 89.8), (100, 90.4),
))  # fmt: skip
# The same at method 6.
_THOROUGH_RATES = PriorCurve((
    (0, -2.332), (1, -1.973), (5, -1.667), (20, -1.196), (40, -0.772), (60, -0.469), (75, -0.257), (80, -0.036),
    (90, 0.537), (95, 0.962), (100, 1.272),
))  # fmt: skip
_THOROUGH_SCORES = PriorCurve((
    (0, -29.5), (1, -3.2), (5, 14.3), (20, 39.9), (40, 55.1), (60, 64.6), (75, 70), (80, 74.2), (90, 83.8), (95, 88.1),
    (100, 90.6),
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class WebpEncoder:
    """Parameter: libwebp's quality of 0 to 100, in tenths where the library itself can be reached.

    Alpha is never coded worse than 50.
    """

    raster: Raster
    effort: Effort
    method: int
    is_screen_content: bool
    is_colourful: bool
    is_native: bool
    noise_shaping: int = NOISE_SHAPING
    alphas: AlphaPlanes | None = None
    hidden: HiddenColours | None = None
    kernels: LosslessKernels | None = None
    is_busy: bool = False
    is_slower: bool = False
    lossless_from = _NEVER
    most_score = 100.0

    @property
    def rates(self) -> PriorCurve:
        """Typical log(bits per pixel) along the parameter."""
        return _THOROUGH_RATES if self.method == _THOROUGH_METHOD else _RATES

    @property
    def scores(self) -> PriorCurve:
        """Typical score along the parameter."""
        return _THOROUGH_SCORES if self.method == _THOROUGH_METHOD else _SCORES

    def on(self, raster: Raster) -> WebpEncoder:
        """The same choices for another raster of the same picture."""
        alphas, hidden = self.alphas and AlphaPlanes(self.alphas.kernel), self.hidden and HiddenColours(raster.pixels)
        return replace(self, raster=raster, alphas=alphas, hidden=hidden)

    def mends(self) -> tuple[Mend, ...]:
        """Chroma halved with care, which needs the picture once more in memory."""
        if self.is_colourful or self.raster.is_gray or self.alphas is not None:
            return ()
        return (Mend("sharp chroma", replace(self, is_colourful=True)),)

    def param_for(self, quality: float) -> float:
        """The quality is libwebp's own."""
        return quality

    def least_score(self, quality: float) -> None:
        """A WebP passes for what it was encoded at."""
        del quality

    def preview(self, parameter: float) -> None:
        """Its pixels take an encode."""
        del parameter

    def to_grid(self, parameter: float) -> float:
        """Tenths of a quality, hundredths at the low end; whole ones where libvips encodes."""
        if not self.is_native:
            return float(round(parameter))
        steps = _STEPS_A_QUALITY if parameter >= _STEEP_BELOW else _STEEP_STEPS_A_QUALITY
        return round(parameter * steps) / steps

    def slower_presets(self) -> tuple[WebpEncoder, ...]:
        """The best method, where the picture is small enough; and again with noise shaped less."""
        if self.effort is not Effort.FULL or self.raster.total_pixels > _THOROUGH_UP_TO_PIXELS:
            return ()
        best = replace(self, method=_THOROUGH_METHOD, is_slower=True)
        return (best, replace(best, noise_shaping=_LESS_NOISE_SHAPING)) if self.is_native else (best,)

    def encode(self, parameter: float) -> Encoded:
        """One lossy encode."""
        alpha_quality = max(_LOWEST_ALPHA_QUALITY, round(parameter))
        if self.is_native:
            data = self._by_libwebp(parameter, alpha_quality)
        else:
            lossy: dict[str, Any] = {"Q": round(parameter), "effort": self.method, "alpha_q": alpha_quality}
            data = _saved(self.raster, smart_subsample=self.is_colourful, **lossy)
            if self.raster.frames > 1 and has_lost_motion(data, self.raster):
                data = animated_webp(
                    self.raster, lambda part: _saved(Raster(part), smart_subsample=self.is_colourful, **lossy)
                )
        return Encoded(data, f"libwebp (method {self.method})", quality=parameter)

    def _by_libwebp(self, parameter: float, alpha_quality: int) -> bytes:
        """Alpha by libwebp too, or beside it: then at every other quality, for it is coded anew at each."""
        pixels, profile = self.raster.pixels, self.raster.icc_profile
        settings = LossySettings(
            parameter, self.method, alpha_quality, self.is_colourful, self.noise_shaping, self.is_busy
        )
        if self.hidden is not None and (shown := self.hidden.replaced) is not None:
            pixels, settings = shown, replace(settings, keeps_hidden=True)
        is_large_drawing = self.is_screen_content and self.raster.total_pixels > LARGE_WEBP_PIXELS
        is_lean = self.raster.total_pixels > _LEAN_PIXELS
        if is_large_drawing and not self.is_busy and _is_busy(pixels, settings):
            settings = replace(settings, is_busy=True, is_lean=is_lean)
        if self.alphas is None:
            return encode_libwebp(pixels, settings, profile)
        alpha = self.alphas.of(pixels, alpha_quality // 2 * 2)
        colour = replace(settings, alpha_quality=None, is_lean=is_lean)
        return encode_libwebp(pixels, colour, profile, alpha)

    def lossless(self) -> Encoded:
        """Every pixel kept, those under full transparency excepted."""
        if self.kernels is not None:
            return Encoded(self._without_libwebp(self.kernels), "own lossless", is_lossless=True)
        method, quality = _LOSSLESS_METHOD[self.effort], _LOSSLESS_QUALITY
        if self.is_slower:
            pixels = self.raster.total_pixels
            method, quality = next((hard[1:] for hard in _SLOWER_LOSSLESS if pixels <= hard[0]), (method, quality))
        data = self._save(lossless=True, effort=method, Q=quality)
        return Encoded(data, f"libwebp lossless (method {method})", is_lossless=True)

    def _without_libwebp(self, kernels: LosslessKernels) -> bytes:
        trim_malloc()
        raster = self.raster
        payload = encode_lossless(raster.pixels, kernels)
        trim_malloc()
        return lossless_file(
            payload, (raster.width_px, raster.height_px), raster.icc_profile, has_alpha=raster.has_alpha
        )

    def _save(self, **settings: object) -> bytes:
        return _saved(self.raster, **settings)


@dataclass(frozen=True, slots=True)
class WebpCodec:
    """The WebP format."""

    format = OutputFormat.WEBP
    takes_file_of = frozenset({SourceFormat.WEBP})
    has_near_lossless = True
    counts_repacking = False
    unmendable = frozenset({Measure.THIN_COLOUR})
    """Its chroma is always halved: with care where that helps, which is decided before anything is encoded."""

    def open(self, raster: Raster, effort: Effort, goal: Goal) -> WebpEncoder:
        """Graphics are recognised once, for the lossless try: a photograph takes three to ten times as much.

        So is colour that halved chroma would wash out: there sharp chroma takes 9 % fewer bytes at a score of 75 and
        20 % at 85, on photographs none.
        """
        # Animations are libvips' to encode.
        is_native = raster.frames == 1 and libwebp_backend().startswith("native")
        # Of large pictures there is no memory for them once more.
        has_hidden = is_native and raster.has_alpha and raster.total_pixels <= LARGE_WEBP_PIXELS
        hidden = HiddenColours(raster.pixels) if has_hidden else None
        replaced = None if hidden is None else hidden.replaced
        pixels = raster.pixels if replaced is None else replaced
        sharp_chroma = effort is Effort.FULL and (is_colourful(pixels) or halved_chroma_loss(pixels) > _THIN_COLOUR)
        seen = texture(raster.pixels)
        is_large = raster.frames == 1 and max(raster.total_pixels, goal.held_pixels) > LARGE_WEBP_PIXELS
        kernel = native_planes() if is_large and is_native and raster.has_alpha else None
        alphas = None if kernel is None else AlphaPlanes(kernel)
        has_room = max(raster.width_px, raster.height_px) <= MAX_SIDE_PX
        return WebpEncoder(
            *(raster, effort, _method(raster, effort, goal), seen.is_screen_content, sharp_chroma, is_native),
            alphas=alphas,
            hidden=hidden,
            kernels=lossless_kernels() if is_large and has_room else None,
            is_busy=seen.changing > _BUSY,
        )

    def promised_score(self, raster: Raster, quality: float) -> float | None:
        """Of what is thin and coloured at a good quality, of everything at a high one (docs/decisions/0347)."""
        if raster.frames > 1 or quality < _THIN_PROMISES[0][0]:
            return None
        if quality >= _PROMISED_FROM:
            return _PROMISED
        if halved_chroma_loss(raster.pixels) <= _THIN_COLOUR:
            return None
        return float(np.interp(quality, [at for at, _ in _THIN_PROMISES], [score for _, score in _THIN_PROMISES]))

    def source_size(self, source: bytes) -> SourceSize:
        """Its picture, without metadata."""
        return SourceSize(len(without_metadata(source) or source))

    def offers(self, facts: Facts) -> Iterator[Offer]:
        """The source without its metadata, an encode, and every pixel kept."""
        yield from repacked_source(priors.WEBP_SOURCE, facts)
        yield from lossy("lossy", priors.WEBP_LOSSY, facts)
        yield from lossless(priors.SCREEN_CONTENT, priors.PHOTOGRAPH, facts)

    def without_profile(self, source: bytes) -> bytes:
        """The source without its ICCP chunk."""
        return without_profile(source) or source

    def stripped(self, source: bytes) -> bytes:
        """As repack."""
        return without_metadata(source) or source

    def repack(
        self, source: bytes, effort: Effort, most_cpu_s: float = math.inf, most_bytes: int | None = None
    ) -> Encoded | None:
        """The source without its EXIF and XMP chunks."""
        del effort, most_cpu_s, most_bytes  # a copy costs nothing
        data = without_metadata(source)
        return Encoded(data, "source", is_lossless=True) if data else None


def _saved(raster: Raster, **settings: object) -> bytes:
    data: bytes = raster.image().webpsave_buffer(keep=raster.keep, **settings)
    return data


def _is_busy(pixels: NDArray[np.uint8], settings: LossySettings) -> bool:
    """Whether strips of a drawing say that its blocks' modes have no room, flat ground and all."""
    strips = sample_strips(pixels)
    bytes_a_row = modes_bytes(encode_libwebp(strips, replace(settings, alpha_quality=None))) / len(strips)
    return bytes_a_row * len(pixels) > MODES_BYTES


def _method(raster: Raster, effort: Effort, goal: Goal) -> int:
    is_one_encode = raster.frames == 1 and goal.bits_per_pixel is None
    is_small = goal.quality is not None and raster.total_pixels <= _THOROUGH_AT_QUALITY_UP_TO_PIXELS
    if is_one_encode and is_small and effort is Effort.FULL:
        return _THOROUGH_METHOD
    has_time = is_one_encode and goal.left_s() >= _SECONDS_A_PIXEL * raster.total_pixels
    return _METHOD if effort is Effort.FULL or has_time else _QUICK_METHOD
