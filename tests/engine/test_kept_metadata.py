"""EXIF fields that a result keeps when asked to: those and no others, readable by others' software."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient

from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat
from leanpix.domain.keep import Keep, parse_keep
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.reading.headers.exif_fields import kept_fields

PHOTO, GPS = 0x8769, 0x8825
SOME = parse_keep("copyright,date,gps")
RIGHTS, TAKEN, PLACE = "(c) 2026 A. Nobody", "2026:05:04 03:02:01", (52.0, 30.0, 1.5)


def exif(order: str = ">") -> bytes:
    """A block with what may be kept, and with more."""
    block = Image.Exif()
    block.endian = order
    block[0x8298] = RIGHTS
    block[0x010F] = "a camera"
    block[0x0112] = 6
    block.get_ifd(PHOTO).update({0x9003: TAKEN, 0x9011: "+02:00", 0x927C: b"maker's note" * 9})
    block.get_ifd(GPS).update({1: "N", 2: PLACE, 3: "E", 4: (13.0, 20.0, 0.0)})
    return block.tobytes()


SOURCES = {
    kind: encoded(gradient(96, 64), kind, exif=exif(order))
    for kind, order in (("JPEG", ">"), ("PNG", "<"), ("WEBP", "<"))
} | {"TIFF": encoded(gradient(96, 64), "TIFF", exif=exif())}


def fields(data: bytes) -> tuple[dict[int, object], dict[int, object], dict[int, object]]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        found = picture.getexif()
        top = {tag: value for tag, value in found.items() if tag not in {PHOTO, GPS}}
        return top, found.get_ifd(PHOTO), found.get_ifd(GPS)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("target", [*STANDARD_FORMATS, OutputFormat.AVIF])
def test_all_three_are_kept_from_and_into_every_format(kind: str, target: OutputFormat) -> None:
    done = compress(SOURCES[kind], CompressionOptions(format=target, keep=SOME))
    top, photo, gps = fields(done.data)
    assert (top, photo) == ({0x8298: RIGHTS}, {0x9003: TAKEN, 0x9011: "+02:00"})
    assert (gps[1], gps[2], gps[3]) == ("N", PLACE, "E")
    assert done.report.result_bytes == len(done.data)
    assert (done.report.width_px, done.report.height_px) == (64, 96)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ((), (0, 0, 0)),
        ((Keep.COPYRIGHT,), (1, 0, 0)),
        ((Keep.DATE,), (0, 2, 0)),
        ((Keep.GPS,), (0, 0, 4)),
    ],
    ids=["nothing", "copyright", "date", "gps"],
)
def test_what_is_not_asked_for_is_not_kept(asked: tuple[Keep, ...], kept: tuple[int, int, int]) -> None:
    done = compress(SOURCES["JPEG"], CompressionOptions(keep=asked))
    assert tuple(map(len, fields(done.data))) == kept


def test_a_transparent_webp_stays_transparent_with_metadata() -> None:
    picture = gradient(64, 64).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((64, 64)))
    done = compress(encoded(picture, "PNG", exif=exif()), CompressionOptions(format=OutputFormat.WEBP, keep=SOME))
    with Image.open(io.BytesIO(done.data)) as result:
        assert np.asarray(result.convert("RGBA"))[..., 3].min() < 10
    assert fields(done.data)[0] == {0x8298: RIGHTS}


def test_a_picture_without_metadata_is_as_good_as_one_that_keeps_none() -> None:
    source = encoded(gradient(64, 64))
    assert compress(source, CompressionOptions(keep=SOME)).data == compress(source, CompressionOptions()).data


@pytest.mark.parametrize("at", range(0, 120, 3))
def test_a_damaged_block_gives_no_error_and_nothing_foreign(at: int) -> None:
    block = exif().removeprefix(b"Exif\0\0")
    broken = block[:at] + struct.pack(">I", 0xFFFFFFFE) + block[at + 4 :]
    assert len(kept_fields(broken, SOME)) <= len(block)
    assert len(kept_fields(block[:at], SOME)) <= len(block)


def test_a_directory_that_points_at_itself_is_read_once() -> None:
    looped = b"MM\0*" + struct.pack(">IHHHII", 8, 1, PHOTO, 4, 1, 8) + bytes(4)
    assert kept_fields(looped, SOME) == b""
