"""What a source's file held and its result does not is named, kind by kind; files made here, one kind each."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from leanpix.domain.holding import Holding
from leanpix.engine import CompressionOptions, OutputFormat, compress

EXIF_TAGS = {
    0x8298: ("(c) 2026 Ann", Holding.COPYRIGHT),
    0x013B: ("Ann", Holding.COPYRIGHT),
    0x010F: ("Maker", Holding.CAMERA),
    0x0132: ("2026:01:02 03:04:05", Holding.DATE),
    0x010E: ("a hat", Holding.EXIF),
}
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {}/></rdf:RDF></x:xmpmeta>'


def picture(mode: str = "RGB", side: int = 64) -> Image.Image:
    rng = np.random.default_rng(1)
    noise = rng.integers(60, 200, (side, side, len(mode)), np.uint8)
    return Image.fromarray(noise.squeeze(), mode)


def file(kind: str, made: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (made or picture()).save(out, kind, **options)
    return out.getvalue()


def lost(source: bytes, form: OutputFormat | None = None) -> set[Holding]:
    return set(compress(source, CompressionOptions(quality=60, format=form)).report.lost)


def exif(tag: int, value: object, below: int | None = None) -> bytes:
    block = Image.Exif()
    (block if below is None else block.get_ifd(below))[tag] = value
    return block.tobytes()


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*segments: bytes, behind: bytes = b"") -> bytes:
    plain = file("JPEG", quality=90)
    return plain[:2] + b"".join(segments) + plain[2:] + behind


def png_with(name: bytes, body: bytes) -> bytes:
    plain = file("PNG")
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return plain[:33] + chunk + plain[33:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_plain_file_loses_nothing(kind: str) -> None:
    assert lost(file(kind)) == set()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("tag", EXIF_TAGS)
def test_exif_fields_are_told_by_kind(kind: str, tag: int) -> None:
    value, holding = EXIF_TAGS[tag]
    assert lost(file(kind, exif=exif(tag, value)), OutputFormat.JPG) == {holding}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_place_and_an_exposure(kind: str) -> None:
    assert lost(file(kind, exif=exif(1, "N", 0x8825))) == {Holding.GPS}
    assert lost(file(kind, exif=exif(0x829A, 0.01, 0x8769))) == {Holding.CAMERA}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize(
    ("mark", "holdings"),
    [
        ('dc:format="image/jpeg"', {Holding.XMP}),
        ('dc:rights="Ann"', {Holding.XMP, Holding.COPYRIGHT}),
        ('exif:GPSLatitude="1,2N"', {Holding.XMP, Holding.GPS}),
        ('GCamera:MotionPhoto="1"', {Holding.XMP, Holding.LIVE_PHOTO}),
        ('GDepth:Format="RangeInverse"', {Holding.XMP, Holding.DEPTH_MAP}),
    ],
)
def test_xmp_is_told_with_what_is_in_it(kind: str, mark: str, holdings: set[Holding]) -> None:
    packet = XMP.format(mark).encode()
    if kind == "PNG":
        source = png_with(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    elif kind == "WEBP":
        source = file(kind, xmp=packet)
    else:
        source = jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    assert lost(source) == holdings


def iptc(record: int, text: bytes) -> bytes:
    block = bytes([0x1C, 2, record]) + struct.pack(">H", len(text)) + text
    return b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(block)) + block


JPEG_CASES: dict[str, tuple[Callable[[], bytes], set[Holding]]] = {
    "iptc": (lambda: jpeg_with(segment(0xED, iptc(105, b"A headline"))), {Holding.IPTC}),
    "iptc copyright": (lambda: jpeg_with(segment(0xED, iptc(116, b"Ann"))), {Holding.IPTC, Holding.COPYRIGHT}),
    "comment": (lambda: jpeg_with(segment(0xFE, b"made by hand")), {Holding.COMMENT}),
    "c2pa": (lambda: jpeg_with(segment(0xEB, b"JP\0\1\0\0\0\1" + b"jumbc2pa" * 2)), {Holding.C2PA}),
    "unknown segment": (lambda: jpeg_with(segment(0xE7, b"Maker\0x")), {Holding.OTHER}),
    "second picture": (lambda: jpeg_with(behind=file("JPEG")), {Holding.PAGES}),
    "film behind it": (lambda: jpeg_with(behind=b"\0\0\0\x18ftypmp42" + bytes(64)), {Holding.LIVE_PHOTO}),
    "trailer": (lambda: jpeg_with(behind=b"SEFH of some maker"), {Holding.OTHER}),
    "resolution": (lambda: file("JPEG", dpi=(300, 300)), {Holding.RESOLUTION}),
}


@pytest.mark.parametrize("name", JPEG_CASES)
def test_what_else_a_jpeg_holds(name: str) -> None:
    make, holdings = JPEG_CASES[name]
    assert lost(make()) == holdings


def test_a_gain_map_is_lost_where_the_result_cannot_hold_one() -> None:
    source = jpeg_with(behind=jpeg_with(segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(40))))
    assert lost(source) == set()
    assert lost(source, OutputFormat.WEBP) == {Holding.GAIN_MAP}


@pytest.mark.parametrize(
    ("name", "body", "holdings"),
    [
        (b"tEXt", b"Copyright\0Ann", {Holding.COPYRIGHT}),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"made by hand"), {Holding.COMMENT}),
        (b"tIME", bytes(7), {Holding.DATE}),
        (b"caBX", b"jumb", {Holding.C2PA}),
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1), {Holding.RESOLUTION}),
        (b"cICP", bytes([9, 16, 0, 1]), {Holding.HDR}),
        (b"vpAg", bytes(9), {Holding.OTHER}),
        (
            b"zTXt",
            b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 1\n" + exif(0x8298, "Ann").hex().encode()),
            {Holding.COPYRIGHT},
        ),
    ],
)
def test_what_else_a_png_holds(name: bytes, body: bytes, holdings: set[Holding]) -> None:
    assert lost(png_with(name, body)) == holdings


def test_transparency_is_lost_only_where_there_was_some() -> None:
    seen_through = picture("RGBA")
    assert lost(file("PNG", seen_through), OutputFormat.JPG) == {Holding.ALPHA}
    seen_through.putalpha(255)
    assert lost(file("PNG", seen_through), OutputFormat.JPG) == set()
    assert lost(file("PNG", picture("RGBA")), OutputFormat.WEBP) == set()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_frames(kind: str) -> None:
    frames = [Image.new("L" if kind == "GIF" else "RGB", (32, 32), shade) for shade in (0, 90, 200)]
    source = file(kind, frames[0], save_all=True, append_images=frames[1:], duration=100)
    assert Holding.ANIMATION in lost(source, OutputFormat.JPG)
    assert Holding.ANIMATION not in lost(source, OutputFormat.WEBP)


def test_pages_and_depth() -> None:
    pages = [picture("L"), picture("L")]
    assert lost(file("TIFF", pages[0], save_all=True, append_images=pages[1:]), OutputFormat.PNG) == {Holding.PAGES}
    deep = Image.fromarray(np.random.default_rng(2).integers(0, 65535, (48, 48), np.uint16))
    assert lost(file("PNG", deep)) == {Holding.BIT_DEPTH}


def test_a_profile_is_lost_where_its_colours_were_converted() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert Holding.PROFILE not in lost(file("PNG"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert lost(file("JPEG", icc_profile=srgb)) == {Holding.PROFILE}
    assert profile
