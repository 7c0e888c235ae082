"""TIFF, by libvips (libtiff), from a description of the picture that it takes; Lab of 8 bits by Pillow."""

from __future__ import annotations

import io

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from leanpix.engine.facts import Probe, damaged, unsupported
from leanpix.engine.reading.headers import tiff
from leanpix.engine.reading.headers.tiff_described import (
    BLACK_AND_WHITE,
    COEFFICIENTS,
    PLANAR,
    SUBSAMPLING,
    Blocks,
    Pieces,
    as_bytes,
    described,
    is_planar,
    one_plane,
    pieces,
)
from leanpix.engine.reading.loaders.base import DecodeRequest, LazyPixels, check_told, from_array
from leanpix.engine.reading.loaders.pillow import pillow_errors

_BYTE_BITS = 8
_YCBCR, _MIN_IS_WHITE, _JPEGS = 6, 0, frozenset({6, 7})
_DEFAULT_COEFFICIENTS, _FULL_RANGE = (0.299, 0.587, 0.114), (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
_STRIP_ROWS = 256
_KINDS = {1: ("b-w", "grey16", "b-w"), 3: ("srgb", "rgb16", "scrgb"), 4: ("cmyk", "cmyk", "cmyk")}
"""How libvips calls so many colours of 8 bits, of more, and of floating point."""

_CUT = "the TIFF says that its data is longer than the file: its pixels are all there"


def open_raster(source: bytes, probe: Probe, _request: DecodeRequest) -> LazyPixels:
    """Decode the picture lazily, without extra samples that are no alpha."""
    page = tiff.picture(source)
    found, placed = tiff.samples(page.tags), pieces(source, page)
    image = _image(source, page, found, placed)
    check_told((image.width, image.height), probe.stored_size, "TIFF")
    image = _in_known_depth(_without_extra(image, found), found)
    pages = tiff.page_count(source)
    warnings: tuple[str, ...] = (f"pages dropped: the first of {pages} is used",) if pages > 1 else ()
    warnings += (_CUT,) if placed is not None and placed.is_cut else ()
    return LazyPixels(image, tiff.profile(source, page), warnings=warnings)


def _image(source: bytes, page: tiff.Page, found: tiff.Samples, placed: Pieces | None) -> pyvips.Image:
    depth = max(page.tags.get(tiff.BITS, (1,)))
    if found.is_lab and depth == _BYTE_BITS:
        return _lab(described(source, page, placed))
    is_jpeg = page.tags.get(tiff.COMPRESSION, (1,))[0] in _JPEGS
    if page.tags.get(tiff.PHOTOMETRIC, (1,))[0] == _YCBCR and not is_jpeg and placed is not None:
        if depth != _BYTE_BITS or page.tags.get(tiff.SAMPLES, (1,))[0] != len(_DEFAULT_COEFFICIENTS):
            raise unsupported("TIFF with YCbCr of another depth than 8 bits is not read")
        return _from_ycbcr(source, page, placed)
    if placed is not None and is_planar(page):
        return _from_planes(source, page, found, placed)
    return _plain(described(source, page, placed, {PLANAR: (1,)}))


def _plain(described_source: bytes) -> pyvips.Image:
    return pyvips.Image.tiffload_buffer(described_source, access="sequential", fail_on="error")


def _from_planes(source: bytes, page: tiff.Page, found: tiff.Samples, placed: Pieces) -> pyvips.Image:
    """Samples apart from each other, which libvips takes in strips only and not of all kinds: each by itself."""
    count = page.tags[tiff.SAMPLES][0]
    planes = [
        _plain(described(source, page, placed.of_plane(number, count), one_plane(number, page)))
        for number in range(count)
    ]
    if page.tags.get(tiff.PHOTOMETRIC, (1,))[0] == _MIN_IS_WHITE:
        planes[0] = planes[0].invert()
    image = planes[0].bandjoin(planes[1:])
    shallow, deep, light = _KINDS[found.colours]
    kind = {"uchar": shallow, "float": light}.get(image.format, deep)
    image = image.copy(interpretation=kind)
    if found.alpha is None or not found.is_premultiplied:
        return image
    # Alpha has to be the last band for this, and is to be in the end.
    kept = _without_extra(image, found)
    return kept.unpremultiply().rint().cast(image.format).copy(interpretation=kept.interpretation)


def _from_ycbcr(source: bytes, page: tiff.Page, placed: Pieces) -> pyvips.Image:
    """YCbCr that is not in JPEG: read as other pictures of the same bytes, then put together here."""
    width, height = page.tags[tiff.WIDTH][0], page.tags[tiff.HEIGHT][0]
    across, down = (*page.tags.get(SUBSAMPLING, (2, 2)), 2)[:2]
    if not {across, down} <= {1, 2, 4}:
        raise damaged("the TIFF's chroma is sampled as there is none")
    columns, rows = -(-width // across), -(-height // down)
    if is_planar(page):
        luma = _blocks(source, page, placed.of_plane(0, 3), Blocks(width, height))[..., 0]
        blue, red = (
            _blocks(source, page, placed.of_plane(number, 3), Blocks(columns, rows, across, down))[..., 0]
            for number in (1, 2)
        )
    else:
        units = Blocks(columns, rows, across, down, across * down + 2)
        blocks = _blocks(source, page, placed, units)
        luma = blocks[..., :-2].reshape(rows, columns, down, across).transpose(0, 2, 1, 3)
        luma = luma.reshape(rows * down, columns * across)[:height, :width]
        blue, red = blocks[..., -2], blocks[..., -1]
    return from_array(_rgb_of(luma, blue, red, (across, down), _ycbcr_meaning(source, page)))


def _blocks(source: bytes, page: tiff.Page, placed: Pieces, blocks: Blocks) -> NDArray[np.uint8]:
    """(rows, columns, samples): the bytes of 8-bit blocks, each of which stands for some columns and rows of pixels.

    Tiles are read as strips, one below the other, and put in their places here: libvips has a smallest tile.
    """
    changes = as_bytes(page, placed, blocks)
    samples: NDArray[np.uint8] = _plain(described(source, page, placed.as_strips(), changes)).numpy()
    samples = samples.reshape(samples.shape[0], -1, blocks.samples)
    if placed.is_tiled:
        high, wide = len(samples) // len(placed.offsets), samples.shape[1]
        across = -(-blocks.columns // wide)
        tiles = samples.reshape(-1, across, high, wide, blocks.samples)
        samples = tiles.transpose(0, 2, 1, 3, 4).reshape(-1, across * wide, blocks.samples)
    return samples[: blocks.rows, : blocks.columns]


def _ycbcr_meaning(source: bytes, page: tiff.Page) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The luma's coefficients, and black and white of the three samples."""
    told = tiff.rationals(source, page, COEFFICIENTS), tiff.rationals(source, page, BLACK_AND_WHITE)
    coefficients = told[0] if len(told[0]) == 3 and told[0][1] else _DEFAULT_COEFFICIENTS  # noqa: PLR2004 - red, green, blue
    reference = told[1] if len(told[1]) == 6 else _FULL_RANGE  # noqa: PLR2004 - two for each sample
    is_range = all(black < white for black, white in zip(reference[::2], reference[1::2], strict=True))
    return coefficients, reference if is_range else _FULL_RANGE


def _rgb_of(
    luma: NDArray[np.uint8],
    blue: NDArray[np.uint8],
    red: NDArray[np.uint8],
    sampling: tuple[int, int],
    meaning: tuple[tuple[float, ...], tuple[float, ...]],
) -> NDArray[np.uint8]:
    """By the formulas of the TIFF specification; chroma is repeated, as libtiff does. Strip by strip."""
    (of_red, of_green, of_blue), (y0, y1, b0, b1, r0, r1) = meaning
    across, down = sampling
    height, width = luma.shape
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        rows = np.arange(top, min(top + _STRIP_ROWS, height))
        bright = (luma[rows].astype(np.float32) - y0) * (255 / (y1 - y0))
        cb, cr = (
            np.repeat(plane[rows // down], across, axis=1)[:, :width].astype(np.float32) - zero
            for plane, zero in ((blue, b0), (red, r0))
        )
        r = bright + cr * (127 / (r1 - r0)) * (2 - 2 * of_red)
        b = bright + cb * (127 / (b1 - b0)) * (2 - 2 * of_blue)
        g = (bright - of_red * r - of_blue * b) / of_green
        pixels[rows] = np.stack([r, g, b], axis=-1).round().clip(0, 255)
    return pixels


def _lab(described_source: bytes) -> pyvips.Image:
    with pillow_errors("TIFF"), TiffImagePlugin.TiffImageFile(io.BytesIO(described_source)) as opened:
        samples = np.asarray(opened)
    lightness = samples[..., :1].astype(np.float32) * (100 / 255)
    axes = samples[..., 1:3].view(np.int8).astype(np.float32)
    return from_array(np.concatenate([lightness, axes], axis=-1)).copy(interpretation="lab")


def _without_extra(image: pyvips.Image, found: tiff.Samples) -> pyvips.Image:
    """The colours, and alpha behind them wherever it stood."""
    if image.bands <= found.colours:
        return image
    colours = image.extract_band(0, n=found.colours)
    if found.alpha is None or found.alpha >= image.bands:
        return colours
    return colours.bandjoin(image.extract_band(found.alpha)).copy(interpretation=image.interpretation)


def _in_known_depth(image: pyvips.Image, found: tiff.Samples) -> pyvips.Image:
    """Integers of 32 bits as 16, signed ones moved to begin at 0, double precision as single."""
    if image.interpretation == "lab" or found.is_lab or image.format in {"uchar", "ushort", "float"}:
        return image
    if image.format == "double":
        return image.cast("float").copy(interpretation=image.interpretation)
    shallow, deep, _ = _KINDS[found.colours]
    if image.format == "char":
        return (image.cast("short") + 128).cast("uchar").copy(interpretation=shallow)
    if image.format == "short":
        return (image.cast("int") + 32768).cast("ushort").copy(interpretation=deep)
    if image.format == "int":
        return ((image >> 16) + 32768).cast("ushort").copy(interpretation=deep)
    if image.format == "uint":
        return (image >> 16).cast("ushort").copy(interpretation=deep)
    raise unsupported("TIFF with samples of complex numbers is not read")
