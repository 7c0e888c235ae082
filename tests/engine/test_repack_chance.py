"""A JPEG is packed again without loss only where that could be the smaller result."""

from __future__ import annotations

import io
import math

import pytest
from PIL import Image
from tests.engine.pictures import photo

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Decision
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.codecs.base import Encoded
from leanpix.engine.codecs.jpeg import lossless
from leanpix.engine.libraries.native import load_native
from leanpix.engine.reading.headers.jpeg import picture_bytes

needs_native = pytest.mark.skipif(load_native() is None, reason="the shares are those of the native path to jpegli")


def photograph(quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo(640, 480)[:, :, :3]).save(file, "JPEG", quality=quality)
    return file.getvalue()


def with_metadata(source: bytes, many: int) -> bytes:
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFD)
    return source[:2] + comment * many + source[2:]


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The sources that were packed again."""
    sources, pack = list[bytes](), lossless.packed

    def noting(source: bytes, most_cpu_s: float = math.inf, most_bytes: int | None = None) -> Encoded | None:
        sources.append(source)
        return pack(source, most_cpu_s, most_bytes)

    monkeypatch.setattr(lossless, "packed", noting)
    return sources


@needs_native
def test_what_is_far_larger_than_its_result_is_not_packed_again(packed: list[bytes]) -> None:
    source = photograph(95)
    done = compress(source, CompressionOptions(format=OutputFormat.JPG, quality=92))
    assert 0.5 * len(source) < len(done.data) < 0.75 * picture_bytes(source)
    assert packed == []


@needs_native
def test_what_is_near_its_result_is_and_metadata_does_not_hide_that(packed: list[bytes]) -> None:
    plain = photograph(50)
    for source in (plain, with_metadata(plain, 8)):
        packed.clear()
        done = compress(source, CompressionOptions(format=OutputFormat.JPG, quality=50))
        assert packed == [source]
        assert len(done.data) <= len(plain)
        told = [one for one in done.report.considered if one.kind == "source"]
        assert [one.decision for one in told] == [Decision.CANNOT_WIN]  # it was counted, and not written
        assert [one.result_bytes for one in told] == [None]


def test_a_pictures_bytes_are_without_metadata_and_what_follows() -> None:
    plain = photograph(90)
    header = len(b"\xff\xe0") + 16  # JFIF's
    assert picture_bytes(plain) == len(plain) - header
    assert picture_bytes(with_metadata(plain, 3)) == len(plain) - header
    assert picture_bytes(plain + photograph(50)) == len(plain) - header
