"""What a JPEG says of how it is packed, and what that rules out before it is packed again."""

from __future__ import annotations

import io

import pytest
import pyvips
from PIL import Image
from tests.engine.pictures import photo

from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.codecs.jpeg.codec import JpegCodec
from leanpix.engine.codecs.offers import Facts, Kind
from leanpix.engine.reading.headers.jpeg_packing import JpegPacking, jpeg_packing

WIDTH_PX, HEIGHT_PX = 640, 480


def saved(mode: str = "RGB", **settings: bool) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo(WIDTH_PX, HEIGHT_PX)[:, :, :3]).convert(mode).save(file, "JPEG", quality=85, **settings)
    return file.getvalue()


def by_mozjpeg() -> bytes:
    image = pyvips.Image.new_from_array(photo(WIDTH_PX, HEIGHT_PX)[:, :, :3])
    data: bytes = image.jpegsave_buffer(Q=85, interlace=True, trellis_quant=True, optimize_scans=True)
    return data


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_it_is_told_by_tables_and_scans(mode: str) -> None:
    assert jpeg_packing(saved(mode)) is JpegPacking.STANDARD_TABLES
    assert jpeg_packing(saved(mode, optimize=True)) is JpegPacking.OWN_TABLES


def test_a_progression_is_libjpegs_or_was_searched_for() -> None:
    assert jpeg_packing(saved(progressive=True)) is JpegPacking.STANDARD_SCANS
    assert jpeg_packing(by_mozjpeg()) is JpegPacking.OTHER_SCANS
    assert jpeg_packing(compress(saved(), CompressionOptions(quality=60)).data) is JpegPacking.OTHER_SCANS


def least_share(source: bytes, pixels: int = WIDTH_PX * HEIGHT_PX) -> float:
    """What repacking leaves at the least, as a share of the picture's own bytes."""
    size = JpegCodec().source_size(source)
    offers = JpegCodec().offers(Facts(pixels, len(source), usable_source=size))
    repacked = next(one for one in offers if one.kind is Kind.SOURCE)
    return repacked.estimate.least_bytes / size.picture_bytes


def test_the_better_a_file_is_packed_the_less_is_left_to_gain() -> None:
    sources = [saved(), saved(optimize=True), saved(progressive=True), by_mozjpeg()]
    shares = [least_share(source) for source in sources]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1] < 1
    # The same bytes for ten times the pixels: most of the picture is flat, which standard tables code worst.
    assert least_share(sources[0], 10 * WIDTH_PX * HEIGHT_PX) < shares[0]


def test_no_pixel_is_looked_at_for_a_lossless_result_that_the_format_has_not() -> None:
    def looked_at() -> bool:
        raise AssertionError("a JPEG keeps no pixel as it is, however drawn it looks")

    kinds = {one.kind for one in JpegCodec().offers(Facts(WIDTH_PX * HEIGHT_PX, 9999, looks_drawn=looked_at))}
    assert Kind.LOSSLESS not in kinds
