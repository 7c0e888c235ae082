"""PNG by libvips (libspng), fed with the picture's own chunks only; the frames of an APNG one by one as such PNGs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.engine.facts import Probe, damaged
from leanpix.engine.reading.headers import apng, png, png_colour
from leanpix.engine.reading.headers.png_chunks import chunks, picture_of, picture_only
from leanpix.engine.reading.layers import FrameControl, composed
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told, from_array

_GRAY_BANDS = 2
_RGBA = 4
_BYTE_BITS = 8


def open_raster(source: bytes, probe: Probe, wish: DecodeRequest) -> LazyPixels:
    """Decode lazily; an APNG at once, all of its frames where they are wanted, else the first that is shown."""
    meant = png_colour.meaning(source, wish.limits)
    played = apng.animation(source)
    found = [png.damage(source), png_colour.ignored(source, meant)]
    if played is None:
        found += _animation_damage(source)
        image = pyvips.Image.pngload_buffer(picture_only(source), access="sequential", fail_on="error")
        check_told((image.width, image.height), probe.stored_size, "PNG")
        profile = meant.icc_profile()
        return LazyPixels(image, profile, high_range=meant.high_range, warnings=_said(found))
    count = len(played.frames)
    if found[0] is not None and played.told > count:
        raise damaged("the APNG is cut short")
    if {played.told, played.held} != {count}:
        found.append(f"the APNG says {played.told} frames and holds {played.held}: {count} can be played")
    count = len(played.frames) if wish.animated else 1
    pixels = composed(probe.stored_size, count, _RGBA, _layers(source, played))
    if count == 1 and played.told == 1 and not probe.has_alpha:
        pixels = np.ascontiguousarray(pixels[..., :3])
    profile = meant.icc_profile()
    delays = tuple(frame.delay_ms for frame in played.frames[:count]) if count > 1 else ()
    return LazyPixels(
        from_array(pixels),
        profile,
        count,
        delays,
        played.plays,
        warnings=_said(found),
        held=pixels,
        high_range=meant.high_range,
    )


def _said(found: list[str | None]) -> tuple[str, ...]:
    return tuple(text for text in found if text is not None)


def _animation_damage(source: bytes) -> list[str | None]:
    """An acTL without a frame that can be played: the default picture is shown."""
    is_meant = any(chunk.name == b"acTL" for chunk in chunks(source))
    return ["the APNG has no frame that can be played: its default picture is used"] if is_meant else []


def _layers(source: bytes, played: apng.Animation) -> Iterator[tuple[FrameControl, NDArray[np.uint8]]]:
    view = memoryview(source)
    for frame in played.frames:
        size = (frame.place.width_px, frame.place.height_px)
        made = picture_of(source, [view[piece.start : piece.end] for piece in frame.pieces], size)
        yield frame.place, _rgba(made, size)


def _rgba(made: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The samples of a small PNG as (H, W, 4); a stream whose damage costs no pixel is mended."""
    try:
        image = _held(made)
    except pyvips.Error as error:
        sound = png.mended(made)
        if sound is None:
            raise damaged("a frame of the APNG is damaged or cut short") from error
        image = _held(sound.source)
    if (image.width, image.height) != size:
        raise damaged("a frame of the APNG and its place disagree")
    if image.format != "uchar":
        image = (image >> _BYTE_BITS).cast("uchar").copy(interpretation="b-w" if image.bands <= _GRAY_BANDS else "srgb")
    samples: NDArray[np.uint8] = image.colourspace("srgb").numpy()
    if samples.shape[2] == _RGBA:
        return samples
    return np.dstack([samples, np.full(samples.shape[:2], 255, np.uint8)])


def _held(made: bytes) -> pyvips.Image:
    return pyvips.Image.pngload_buffer(made, fail_on="error").copy_memory()
