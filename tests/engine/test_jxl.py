"""What is JPEG XL's own, beside what test_extra_formats.py asks of each such format."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import drawing, encoded, photo
from tests.support.corpus import corpus_file, needs_photographs
from tests.support.pictures import encoded as jpeg
from tests.support.pictures import gradient

from leanpix.client.values import format_of_whole
from leanpix.domain.keep import Keep
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.colour.made_profile import Primaries, matrix_profile
from leanpix.engine.facts import Limits
from leanpix.engine.libraries.libjxl import libjxl
from leanpix.engine.reading.headers.jpeg import without_metadata
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

imagecodecs = pytest.importorskip("imagecodecs", reason="the second reader of JPEG XL is not installed")
JXL = OutputFormat.JXL
P3 = Primaries((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))


@pytest.fixture(scope="module")
def source() -> bytes:
    return encoded(photo(), ".png")


def pixels(data: bytes) -> NDArray[np.uint8]:
    """By the wheel's reader, told nothing; the file is whole."""
    assert format_of_whole(data) == "jxl"
    return np.ascontiguousarray(imagecodecs.jpegxl_decode(data))


def test_line_art_is_kept_whole_in_fewer_bytes_than_png() -> None:
    source = encoded(drawing(), ".png")
    done, png = (compress(source, CompressionOptions(format=kind)) for kind in (JXL, OutputFormat.PNG))
    assert np.array_equal(pixels(done.data), drawing())
    assert len(done.data) < len(png.data)


def test_gray_has_one_channel() -> None:
    gray = np.ascontiguousarray(photo()[:, :, :1])
    done = compress(encoded(gray, ".png"), CompressionOptions(format=JXL))
    assert pixels(done.data).shape == (240, 320)


def test_its_memory_is_set_aside(source: bytes) -> None:
    facts = probe(source, Limits())
    aside = {kind: resource_budget(facts, CompressionOptions(format=kind)).memory_bytes for kind in OutputFormat}
    assert aside[OutputFormat.WEBP] < aside[JXL] < aside[OutputFormat.AVIF]


def test_a_preserved_copyright_is_a_box_of_its_own() -> None:
    mark = Image.Exif()
    mark[0x8298] = "(c) Nobody"
    options = CompressionOptions(format=JXL, quality=80, keep=(Keep.COPYRIGHT,))
    data = compress(jpeg(gradient(64, 64), exif=mark.tobytes()), options).data
    assert pixels(data).shape == (64, 64, 3)
    at = data.index(b"Exif\0\0\0\0")
    assert struct.unpack(">I", data[at - 4 : at])[0] == len(data) - at + 4
    kept = Image.Exif()
    kept.load(data[at + 8 :])
    assert kept[0x8298] == "(c) Nobody"


@needs_photographs
def test_photographs_take_fewer_bytes_than_webp_at_the_same_score() -> None:
    sources = [corpus_file(f"a_Z_kodim{number}.png").read_bytes() for number in ("01", "15", "23")]
    total = dict.fromkeys((JXL, OutputFormat.WEBP), 0)
    for source in sources:
        for kind in total:
            done = compress(source, CompressionOptions(format=kind))
            assert (done.report.score or 0) >= 75
            total[kind] += len(done.data)
    assert total[JXL] < 0.95 * total[OutputFormat.WEBP]


def test_a_wide_gamut_is_kept_with_its_profile() -> None:
    saturated = Image.new("RGB", (32, 32), (0, 255, 0))
    profile = matrix_profile(P3, None)
    source = jpeg(saturated, "PNG", icc_profile=profile)
    for quality in (80, 100):
        done = compress(source, CompressionOptions(format=JXL, quality=quality))
        assert any("kept" in change for change in done.report.changes)
        library = libjxl()
        assert library is not None
        decoded = library.decode(done.data)
        assert decoded.profile is not None
        assert np.abs(decoded.pixels.astype(int) - (0, 255, 0)).max() <= 3


def test_a_jpeg_is_packed_without_loss_where_that_takes_the_fewest_bytes() -> None:
    source = jpeg(gradient(640, 480), quality=30)
    done = compress(source, CompressionOptions(format=JXL))
    library = libjxl()
    assert library is not None
    assert done.report.encoder == "libjxl, JPEG packed"
    assert library.unpack_jpeg(done.data) == without_metadata(source)
    assert len(done.data) < 0.9 * len(source)


def test_of_a_fine_jpeg_the_lossy_encode_takes_fewer_bytes() -> None:
    done = compress(encoded(photo(), ".jpg[Q=97]"), CompressionOptions(format=JXL))
    assert done.report.encoder.startswith("libjxl (effort")
    packed = next(way for way in done.report.considered if way.kind == "source")
    assert packed.result_bytes is None or packed.result_bytes > done.report.result_bytes


def test_a_small_pictures_search_ends_at_a_higher_effort() -> None:
    for size, effort in (((320, 240), 8), ((640, 480), 5)):
        report = compress(encoded(photo(*size), ".png"), CompressionOptions(format=JXL)).report
        assert report.encoder == f"libjxl (effort {effort})"


def test_a_small_drawing_is_packed_once_more_at_a_higher_effort() -> None:
    source = tiles(300, 200)
    done = compress(encoded(source, ".png"), CompressionOptions(format=JXL))
    ways = {way.name: way for way in done.report.considered}
    usual, slower = ways["jxl lossless"].result_bytes, ways["jxl lossless, slower"].result_bytes
    assert usual is not None
    assert slower is not None
    assert done.report.encoder == "libjxl lossless (effort 8)"
    assert done.report.result_bytes == slower < 0.95 * usual
    assert np.array_equal(pixels(done.data), source)


def tiles(width: int, height: int) -> NDArray[np.uint8]:
    """Two patterns of hard edges in changing colours, side by side over and over."""
    rng = np.random.default_rng(5)
    patterns = rng.integers(0, 2, (2, 20, 20))
    colours = rng.integers(0, 256, (6, 3), dtype=np.uint8)
    picked = [
        [patterns[rng.integers(2)] + 2 * rng.integers(3) for _ in range(width // 20)] for _ in range(height // 20)
    ]
    return np.ascontiguousarray(colours[np.block(picked)])
