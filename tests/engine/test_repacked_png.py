"""A PNG that is kept, packed anew: the same samples and the same colours, in a stream where it is large."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from tests.engine.pictures import encoded, photo

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
