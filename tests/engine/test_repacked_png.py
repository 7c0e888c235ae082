"""A PNG that is kept, packed anew: the same samples and the same colours, in a stream where it is large."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import encoded, photo
from tests.support.corpus import corpus_file

from leanpix.domain.report import Decision
from leanpix.domain.request import CompressionOptions
from leanpix.engine.budget import Effort
from leanpix.engine.codecs.png import codec as png
from leanpix.engine.compress import compress
from leanpix.engine.reading.headers.png_chunks import SIGNATURE, chunks, raw_bytes

AFTER_HEADER = len(SIGNATURE) + 25


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_gamma_and_text(source: bytes) -> bytes:
    own = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"Author\0nobody")
    return source[:AFTER_HEADER] + own + source[AFTER_HEADER:]


@pytest.fixture(params=["oxipng", "libspng"])
def packer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "libspng":
        monkeypatch.setattr(png, "_STREAMED_ABOVE_BYTES", 0)
    return str(request.param)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_samples_and_gamma_stay_and_text_goes(packer: str, depth: int, bands: int) -> None:
    pixels: NDArray[np.uint8] = np.dstack([photo(), photo()[:, :, :1]])[:, :, :bands]
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    image = image.copy(interpretation="b-w" if bands == 1 else "srgb")
    deep = (image.cast("ushort") * 257).cast("ushort")
    deep = deep.copy(interpretation="grey16" if bands == 1 else "rgb16")
    source = with_gamma_and_text((image if depth == 8 else deep).pngsave_buffer(compression=1, filter="none"))
    assert raw_bytes(source) == pixels.size * depth // 8
    repacked = png.PngCodec().repack(source, Effort.MINIMAL)
    assert repacked is not None
    assert packer in repacked.encoder
    before, after = (pyvips.Image.pngload_buffer(data).numpy() for data in (source, repacked.data))
    assert np.array_equal(before // (257 if depth == 16 and after.dtype == np.uint8 else 1), after)
    names = [one.name for one in chunks(repacked.data)]
    assert names.count(b"gAMA") == 1
    assert set(names) <= {b"IHDR", b"gAMA", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
    assert len(repacked.data) < len(source)


def test_a_stream_that_does_not_win_is_the_sources_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_STREAMED_ABOVE_BYTES", 0)
    grain = np.random.default_rng(2).integers(0, 256, (100, 100, 3), np.uint8)
    source = with_gamma_and_text(encoded(grain, ".png", compression=9, filter="none"))
    repacked = png.PngCodec().repack(source, Effort.MINIMAL)
    assert repacked is not None
    assert len(repacked.data) <= len(source)
    assert b"tEXt" not in repacked.data


def test_damage_is_told_by_nothing(packer: str) -> None:
    source = bytearray(encoded(photo(), ".png"))
    source[len(source) // 2] ^= 0xFF
    assert packer
    assert png.PngCodec().repack(bytes(source), Effort.MINIMAL) is None


def test_a_source_that_was_packed_better_before_keeps_its_own_bytes_and_every_pixel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = encoded(np.tile(np.arange(48, dtype=np.uint8)[:, None, None] * 5, (1, 64, 3)), ".png")

    def worse(data: bytes, level: int) -> bytes:
        del level
        return data[:AFTER_HEADER] + chunk(b"tEXt", b"Comment\0" + bytes(len(data))) + data[AFTER_HEADER:]

    monkeypatch.setattr(png, "_pack", worse)
    done = compress(with_gamma_and_text(source), CompressionOptions(quality=100))
    assert done.report.encoder == "source"
    assert b"Author" not in done.data
    before, after = (pyvips.Image.new_from_buffer(data, "").numpy() for data in (source, done.data))
    assert np.array_equal(before, after)


def discs_with_soft_edges() -> NDArray[np.uint8]:
    """In more colours than a palette has, most of them at the edges."""
    generator = np.random.default_rng(3)
    y, x = np.mgrid[0:480, 0:640]
    pixels = np.full((480, 640, 3), (240.0, 242.0, 246.0))
    for _ in range(60):
        radius, left, top = generator.integers(10, 50), generator.integers(0, 640), generator.integers(0, 480)
        cover = np.clip(radius - np.hypot(x - left, y - top), 0, 1)[:, :, None]
        pixels = pixels * (1 - cover) + generator.integers(0, 256, 3) * cover
    return pixels.round().astype(np.uint8)


@pytest.mark.parametrize(("level", "is_believed"), [(1, False), (9, True)])
def test_a_file_that_was_packed_with_care_is_not_packed_anew_to_be_weighed(level: int, is_believed: bool) -> None:
    file = io.BytesIO()
    Image.fromarray(discs_with_soft_edges()).save(file, "PNG", compress_level=level)
    source = file.getvalue()
    report = compress(source, CompressionOptions(quality=60)).report
    repacked = next(one for one in report.considered if one.kind == "source")
    assert repacked.decision is Decision.CANNOT_WIN
    assert (repacked.likely_bytes == len(source)) is is_believed


def test_a_source_is_not_packed_anew_once_its_coarser_levels_are_smaller() -> None:
    file = io.BytesIO()
    with Image.open(corpus_file("b_Z_artificial.png")) as drawn:
        drawn.crop((800, 1000, 1700, 1700)).save(file, "PNG", compress_level=9)
    report = compress(file.getvalue(), CompressionOptions(quality=80)).report
    decisions = {one.name: (one.decision, one.result_bytes) for one in report.considered}
    assert decisions["near-lossless"] == (Decision.TAKEN, report.result_bytes)
    assert decisions["png repacked source"] == (Decision.CANNOT_WIN, None)
