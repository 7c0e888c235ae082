"""From a source's bytes to a Picture: decoded, converted, resized and turned upright, in memory once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType

import numpy as np
import pyvips
from numpy.typing import NDArray

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import Kept, SourceFormat
from leanpix.domain.keep import Keep
from leanpix.domain.request import CompressionOptions, Crop
from leanpix.domain.states import TaskState
from leanpix.engine.colour.to_srgb import Coloured, to_sdr, to_srgb
from leanpix.engine.facts import Limits, damaged
from leanpix.engine.libraries import vips
from leanpix.engine.reading.loaders import avif, bmp, gif, heic, jpeg, jxl, png, raw, sgi, tiff, webp
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, from_array
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.probe import Probe, mended
from leanpix.engine.shape import transform
from leanpix.engine.shape.crop import chosen_part
from leanpix.engine.shape.geometry import WHOLE, Geometry, Window, plan_geometry

__all__ = ["load"]

_LOADERS: dict[SourceFormat, ModuleType] = {
    SourceFormat.JPG: jpeg,
    SourceFormat.PNG: png,
    SourceFormat.WEBP: webp,
    SourceFormat.AVIF: avif,
    SourceFormat.JXL: jxl,
    SourceFormat.HEIC: heic,
    SourceFormat.GIF: gif,
    SourceFormat.TIFF: tiff,
    SourceFormat.RAW: raw,
    SourceFormat.BMP: bmp,
    SourceFormat.SGI: sgi,
}

_OPAQUE = 255
_WHITE = "ffffff"
_STRIP_ROWS = 256

vips.restrict_libvips()


def load(source: bytes, probe: Probe, options: CompressionOptions, kept: Kept, limits: Limits) -> Picture:
    """Decode as much of a source as its result is to show.

    Raises TaskFailure: INVALID_IMAGE for a damaged or cut-short picture, NOT_MEETING_REQUIREMENTS for a result
    that would be too large, NO_RESOURCES when memory runs out.
    """
    request = DecodeRequest(limits, animated=kept.frames)
    try:
        return _load(source, probe, options, kept, request)
    except TaskFailure as failure:
        sound = mended(source, probe.format) if failure.state is TaskState.INVALID_IMAGE else None
        if sound is None:
            raise
    # docs/decisions/0180: what costs no pixel is taken, and told.
    picture = _load(sound.source, probe, options, kept, replace(request, is_mended=True))
    return replace(picture, warnings=(sound.damage, *picture.warnings), is_mended=True)


def _load(source: bytes, probe: Probe, options: CompressionOptions, kept: Kept, request: DecodeRequest) -> Picture:
    geometry = plan_geometry(probe.width_px, probe.height_px, options, request.limits)
    shrink = min(probe.width_px / geometry.scaled_width_px, probe.height_px / geometry.scaled_height_px)
    if shrink > 1.0:
        request = replace(request, shrink=shrink)
    with _decoding(probe):
        if (plain := _as_stored(source, probe, geometry)) is not None:
            return plain
        raster: LazyPixels = _LOADERS[probe.format].open_raster(source, probe, request)
        resized = _resized(raster, transform.as_stored(geometry, probe.orientation))
        coloured = (
            to_sdr(resized, raster.high_range)
            if raster.high_range is not None
            else to_srgb(resized, raster.profile, may_keep=Keep.PROFILE in options.keep)
        )
        image, window = _placed(coloured.image, raster.frames, probe.orientation, geometry, options.crop)
        flat = not kept.alpha or options.background is not None
        ground = (options.background or _WHITE) if flat else None
        pixels, was_transparent = _finished(image, ground, raster.held if image is raster.image else None)
    return replace(_picture(pixels, probe, raster, coloured), was_transparent=was_transparent, window=window)


def _as_stored(source: bytes, probe: Probe, geometry: Geometry) -> Picture | None:
    """A small JPEG that is to be as it is stored: to be told of its pixels takes libvips as long as reading them."""
    sides = (probe.width_px, probe.height_px)
    is_as_stored = geometry == Geometry(*sides, *sides) and probe.orientation == 1
    if probe.format is not SourceFormat.JPG or probe.has_profile or not is_as_stored:
        return None
    pixels = jpeg.read_here(source, probe)
    return None if pixels is None else Picture(pixels, *sides, probe)


@contextmanager
def _decoding(probe: Probe) -> Iterator[None]:
    try:
        yield
    except (pyvips.Error, OSError) as error:
        if not _has_room(probe):
            raise TaskFailure(TaskState.NO_RESOURCES) from error
        raise damaged(f"its {probe.format.upper()} data is damaged or cut short") from error
    except MemoryError as error:
        raise TaskFailure(TaskState.NO_RESOURCES) from error


def _has_room(probe: Probe) -> bool:
    """Whether the picture itself could still be held: libvips tells a lack of memory from damage only in words."""
    try:
        bytearray(probe.pixels * probe.frames * probe.bands)
    except MemoryError:
        return False
    return True


def _resized(raster: LazyPixels, size: tuple[int, int]) -> pyvips.Image:
    """Resize first of all: a still source streams through, and all that follows has fewer pixels to work on."""
    if (raster.image.width, raster.image.height) == (size[0], size[1] * raster.frames):
        return raster.image
    return _each_frame(raster.image, raster.frames, lambda frame: transform.resize(frame, *size))


def _placed(
    image: pyvips.Image, frames: int, orientation: int, geometry: Geometry, crop: Crop
) -> tuple[pyvips.Image, Window]:
    """Turn upright, crop and pad. To be turned, or looked at for what to keep, the pixels have to be held."""
    if orientation == 1 and not geometry.crops and not geometry.pads:
        return image, WHOLE
    is_chosen = geometry.crops and crop is not Crop.CENTRE
    held = _in_memory(image) if is_chosen or orientation != 1 else image
    if not is_chosen:
        placed = _each_frame(
            held, frames, lambda frame: transform.to_canvas(transform.to_upright(frame, orientation), geometry)
        )
        return placed, geometry.window
    wide, high = geometry.width_px, geometry.height_px
    first = transform.to_upright(held.crop(0, 0, held.width, held.height // frames), orientation)
    is_held = orientation == 1 and frames == 1
    # One part for all frames: it must not jump.
    part = chosen_part(held if is_held else _in_memory(first), wide, high, crop)
    placed = _each_frame(
        held, frames, lambda frame: transform.resize(part.of(transform.to_upright(frame, orientation)), wide, high)
    )
    box = part.box
    return placed, Window.of((box.left, box.top, box.width, box.height), first.width, first.height)


def _each_frame(image: pyvips.Image, frames: int, change: Callable[[pyvips.Image], pyvips.Image]) -> pyvips.Image:
    if frames == 1:
        return change(image)
    held = _in_memory(image)
    height = held.height // frames
    pages = [change(held.crop(0, number * height, held.width, height)) for number in range(frames)]
    return pyvips.Image.arrayjoin(pages, across=1)


def _finished(
    image: pyvips.Image, ground: str | None, held: NDArray[np.uint8] | None
) -> tuple[NDArray[np.uint8], bool]:
    """Laid on a ground if there is one, and without an alpha that hides nothing; whether it hid something.

    held: what is in memory already.
    """
    pixels = _pixels(image) if held is None else held
    if not transform.has_alpha(image):
        return pixels, False
    if pixels[:, :, -1].min() == _OPAQUE:
        return _without_alpha(pixels), False
    if ground is None:
        return pixels, True
    laid = from_array(pixels).copy(interpretation=image.interpretation)
    return _pixels(transform.flatten(laid, ground)), True


def _pixels(image: pyvips.Image) -> NDArray[np.uint8]:
    """The pixels, computed once, as (rows, width, bands): the very memory that libvips wrote them to."""
    written = np.frombuffer(image.write_to_memory(), np.uint8)
    return written.reshape(image.height, image.width, image.bands)


def _without_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The other bands, moved together strip by strip in the same memory; no second copy of a large picture."""
    rows, width, bands = pixels.shape
    together = pixels.reshape(-1)[: rows * width * (bands - 1)].reshape(rows, width, bands - 1)
    for top in range(0, rows, _STRIP_ROWS):
        together[top : top + _STRIP_ROWS] = pixels[top : top + _STRIP_ROWS, :, :-1].copy()
    return together


def _in_memory(image: pyvips.Image) -> pyvips.Image:
    """The pixels, computed once, in an image that holds nothing else: no metadata, no profile."""
    pixels = image.write_to_memory()
    plain = pyvips.Image.new_from_memory(pixels, image.width, image.height, image.bands, image.format)
    return plain.copy(interpretation=image.interpretation)


def _picture(pixels: NDArray[np.uint8], probe: Probe, raster: LazyPixels, coloured: Coloured) -> Picture:
    dropped = probe.is_animated and raster.frames == 1
    # A JPEG XL's header does not say how many frames there are.
    first = "its first frame" if probe.format is SourceFormat.JXL else f"the first of {probe.frames} frames"
    warnings = (f"animation dropped: {first} is used",) if dropped else ()
    return Picture(
        pixels,
        pixels.shape[1],
        pixels.shape[0] // raster.frames,
        probe,
        frames=raster.frames,
        delays_ms=raster.delays_ms,
        loop=raster.loop,
        icc_profile=coloured.profile,
        says_srgb=coloured.says_srgb,
        changes=coloured.changes,
        warnings=(*warnings, *raster.warnings, *coloured.warnings),
    )
