"""What `keep` carries over into each format, in its own place, as exiftool reads it; and what is bounded or mended."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient

from leanpix.domain.formats import OutputFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import Keep, parse_keep
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.codecs.beside import Beside
from leanpix.engine.reading.headers.exif_fields import whole_block
from leanpix.engine.reading.iptc import MARK, kept_records, resources_of
from leanpix.engine.reading.metadata import Metadata
from leanpix.engine.reading.xmp import kept_properties

JPG, WEBP, PNG, AVIF = OutputFormat.JPG, OutputFormat.WEBP, OutputFormat.PNG, OutputFormat.AVIF
FORMATS = [JPG, PNG, WEBP, AVIF]
EXIFTOOL = shutil.which("exiftool")
needs_exiftool = pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:own="http://own.example/" xmp:CreatorTool="a tool"'
    b' tiff:Orientation="6" own:Word="a word"><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) X. Mp</rdf:li>'
    b"</rdf:Alt></dc:rights></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def record(number: int, text: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text


IPTC = record(0, b"\0\4") + record(116, b"(c) I. Ptc") + record(120, b"a caption")


def exif(thumbnail: bytes = b"") -> bytes:
    """With an orientation of 6, and a thumbnail behind all else."""
    block = Image.Exif()
    block[0x8298], block[0x010F], block[0x0112], block[0x010E] = "(c) E. Xif", "a camera", 6, "words"
    block.get_ifd(0x8769).update({0x9003: "2026:05:04 03:02:01", 0xA002: 96, 0xA003: 64, 0x927C: b"notes" * 9})
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 1.5)})
    data = block.tobytes()
    if not thumbnail:
        return data
    mark, tiff = data[:6], bytearray(data[6:])
    tiff += b"\0" * (len(tiff) % 2)
    order = "<" if tiff[:2] == b"II" else ">"
    (main,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, main)
    second = len(tiff)
    struct.pack_into(f"{order}I", tiff, main + 2 + 12 * count, second)
    tiff += struct.pack(f"{order}H", 2) + struct.pack(f"{order}HHII", 0x0201, 4, 1, second + 30)
    tiff += struct.pack(f"{order}HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4) + thumbnail
    return mark + bytes(tiff)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(picture: Image.Image | None = None, *, quality: int = 97, icc_profile: bytes = b"") -> bytes:
    """With EXIF, XMP and IPTC."""
    data = encoded(
        picture or gradient(96, 64), exif=exif(encoded(gradient(32, 32))), quality=quality, icc_profile=icc_profile
    )
    beside = segment(0xE1, XMP_MARK + XMP) + segment(0xED, MARK + resources_of(IPTC))
    return data[:2] + beside + data[2:]


def told(data: bytes, kind: OutputFormat, folder: Path) -> dict[str, object]:
    """What exiftool reads, by group and name, and that it finds nothing wrong."""
    path = folder / f"result.{kind.value}"
    path.write_bytes(data)
    assert EXIFTOOL is not None
    words = [EXIFTOOL, "-j", "-G1", "-n", "-a", str(path)]
    done = subprocess.run(words, capture_output=True, check=False)
    found: dict[str, object] = json.loads(done.stdout)[0]
    assert not [name for name in found if name.endswith(("Warning", "Error"))], found
    return found


@needs_exiftool
@pytest.mark.parametrize("kind", FORMATS)
def test_all_is_kept_in_its_own_place_and_says_nothing_of_the_source_s_file(kind: OutputFormat, tmp_path: Path) -> None:
    done = compress(jpeg(), CompressionOptions(format=kind, keep=parse_keep("all"), width_px=48, height_px=72))
    found = told(done.data, kind, tmp_path)
    assert found["IFD0:Copyright"] == "(c) E. Xif"
    assert found["IFD0:Make"] == "a camera"
    assert found["IFD0:Orientation"] == 1
    assert (found["ExifIFD:ExifImageWidth"], found["ExifIFD:ExifImageHeight"]) == (48, 72)
    assert found["GPS:GPSLatitude"] == pytest.approx(52.5, abs=0.01)
    assert found["XMP-dc:Rights"] == "(c) X. Mp"
    assert found["XMP-xmp:CreatorTool"] == "a tool"
    assert "XMP-tiff:Orientation" not in found
    assert not [name for name in found if name.startswith("IFD1:")]
    if kind in {JPG, PNG}:
        assert (found["IPTC:CopyrightNotice"], found["IPTC:Caption-Abstract"]) == ("(c) I. Ptc", "a caption")
    assert set(done.report.lost) == ({Holding.PREVIEW} if kind in {JPG, PNG} else {Holding.PREVIEW, Holding.IPTC})


@needs_exiftool
@pytest.mark.parametrize("kind", FORMATS)
def test_a_copyright_is_kept_wherever_it_stands_and_nothing_else(kind: OutputFormat, tmp_path: Path) -> None:
    done = compress(jpeg(), CompressionOptions(format=kind, keep=parse_keep("copyright")))
    found = told(done.data, kind, tmp_path)
    assert (found["IFD0:Copyright"], found["XMP-dc:Rights"]) == ("(c) E. Xif", "(c) X. Mp")
    gone = ("IFD0:Make", "ExifIFD:DateTimeOriginal", "GPS:GPSLatitude", "XMP-xmp:CreatorTool", "IPTC:Caption-Abstract")
    assert not [name for name in gone if name in found]
    assert Holding.COPYRIGHT not in done.report.lost
    assert {Holding.GPS, Holding.CAMERA, Holding.DATE, Holding.XMP, Holding.IPTC} <= set(done.report.lost)


@pytest.mark.parametrize("kind", FORMATS)
def test_by_default_none_of_it_is_kept_and_all_of_it_is_named(kind: OutputFormat) -> None:
    done = compress(jpeg(), CompressionOptions(format=kind))
    assert b"(c)" not in done.data
    assert {Holding.COPYRIGHT, Holding.GPS, Holding.XMP, Holding.IPTC, Holding.EXIF} <= set(done.report.lost)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("has_profile", [False, True], ids=["plain", "profile"])
def test_the_pixels_are_those_without_it(kind: OutputFormat, has_profile: bool) -> None:
    source = jpeg(icc_profile=wide_gamut() if has_profile else b"")
    plain, kept = (
        compress(source, CompressionOptions(format=kind, keep=parse_keep(words), quality=70)).data
        for words in ("", "all")
    )
    without, beside = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in (plain, kept))
    assert np.array_equal(without, beside)
    assert len(kept) > len(plain)


def wide_gamut() -> bytes:
    from leanpix.engine.colour.made_profile import Primaries, matrix_profile

    return matrix_profile(Primaries((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), None)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "metadata",
    [Metadata(), Metadata(exif=exif()[6:]), Metadata(xmp=XMP), Metadata(exif=exif()[6:], xmp=XMP, iptc=IPTC)],
    ids=["none", "exif", "xmp", "all"],
)
def test_the_room_that_it_takes_is_known_before(kind: OutputFormat, metadata: Metadata) -> None:
    picture = compress(encoded(gradient(64, 64)), CompressionOptions(format=kind)).data
    beside = Beside(kind, metadata)
    grown = len(beside.put_into(picture)) - len(picture)
    assert grown <= beside.room_bytes <= grown + 200


@pytest.mark.parametrize("kind", [JPG, WEBP])
def test_a_size_holds_with_it(kind: OutputFormat) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8))
    done = compress(jpeg(noise), CompressionOptions(format=kind, keep=parse_keep("all"), max_bytes=20 * 1024))
    assert 19 * 1024 < len(done.data) <= 20 * 1024
    assert Holding.COPYRIGHT not in done.report.lost


def test_sides_that_a_size_has_shrunk_are_the_block_s() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (600, 800, 3), np.uint8))
    done = compress(jpeg(noise), CompressionOptions(keep=parse_keep("exif"), max_bytes=8 * 1024, format=WEBP))
    assert done.report.width_px < 600  # upright: the sides change places
    with Image.open(io.BytesIO(done.data)) as picture:
        below = picture.getexif().get_ifd(0x8769)
    assert (below[0xA002], below[0xA003]) == (done.report.width_px, done.report.height_px)


def test_it_takes_at_most_half_of_a_size_and_what_goes_is_named() -> None:
    packet = XMP.replace(b"a word", bytes(range(97, 123)) * 400)
    source = jpeg()
    source = source[:2] + segment(0xE1, XMP_MARK + packet) + source[2:]
    done = compress(source, CompressionOptions(keep=parse_keep("all"), max_bytes=4 * 1024, format=WEBP))
    assert len(done.data) <= 4 * 1024
    assert Holding.XMP in done.report.lost
    assert Holding.GPS not in done.report.lost


@pytest.mark.parametrize("quality", [1, 40, 97])
def test_with_it_a_result_is_never_larger_than_its_source(quality: int) -> None:
    source = jpeg(gradient(24, 16), quality=quality)
    done = compress(source, CompressionOptions(keep=parse_keep("all"), quality=100))
    assert len(done.data) <= len(source)


# Content credentials.

BOX = segment(0xEB, b"JP\0\1\0\0\0\1" + b"\0\0\0\x20jumb\0\0\0\x18jumdc2pa" + bytes(12))


def test_content_credentials_are_kept_where_the_file_is_and_named_elsewhere() -> None:
    plain = Image.new("RGB", (64, 64), (90, 90, 90))
    source = encoded(plain, quality=50, optimize=True)
    source = source[:2] + BOX + source[2:]
    for words in ("c2pa", "all"):
        done = compress(source, CompressionOptions(keep=parse_keep(words), width_px=32))
        assert Holding.C2PA in done.report.lost
    whole = compress(source, CompressionOptions(keep=parse_keep("all"), quality=100))
    is_same = whole.data == source
    assert is_same == (Holding.C2PA not in whole.report.lost)
    assert is_same


# The blocks by themselves.


def test_a_whole_block_stays_in_its_place_but_for_what_is_wrong_of_the_result() -> None:
    thumbnail = encoded(gradient(32, 32))
    block = exif(thumbnail)[6:]
    kept = whole_block(block, 10, 20)
    assert thumbnail[:40] not in kept
    assert kept.index(b"notes" * 9) == block.index(b"notes" * 9)
    found = Image.Exif()
    found.load(b"Exif\0\0" + kept)
    assert (found[0x0112], found[0x8298]) == (1, "(c) E. Xif")
    assert (found.get_ifd(0x8769)[0xA002], found.get_ifd(0x8769)[0xA003]) == (10, 20)


@pytest.mark.parametrize("at", range(4, 120, 3))
def test_a_damaged_whole_block_gives_no_error_and_never_grows(at: int) -> None:
    block = exif(encoded(gradient(16, 16)))[6:]
    for broken in (block[:at] + b"\xff\xff\xff\xfe" + block[at + 4 :], block[:at]):
        assert len(whole_block(broken, 10, 20)) <= len(block)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<",
        XMP[:200],
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + XMP,
        XMP.decode().encode("utf-16"),
        b"<a>" * 100_000,
        XMP + b" " * (300 * 1024),
    ],
    ids=["empty", "cut", "short", "entity", "other encoding", "deep", "large"],
)
def test_a_packet_that_is_none_gives_none(packet: bytes) -> None:
    kept = kept_properties(packet, tuple(Keep))
    assert kept == b"" or b"a tool" in kept
    assert b"ENTITY" not in kept


def test_records_of_a_kind_are_copied_as_they_are() -> None:
    assert kept_records(IPTC, (Keep.COPYRIGHT,)) == record(116, b"(c) I. Ptc")
    assert kept_records(IPTC, (Keep.IPTC,)) == IPTC
    assert kept_records(IPTC, (Keep.GPS,)) == b""
    assert kept_records(IPTC[:-3], (Keep.COPYRIGHT,)) == record(116, b"(c) I. Ptc")
