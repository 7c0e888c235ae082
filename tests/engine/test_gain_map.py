"""A gain map goes with its picture: through sides, crops and turns, readable by others, and never in silence."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.corpus import corpus_file
from tests.support.pictures import encoded, gradient

from leanpix.domain.formats import OutputFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import parse_keep
from leanpix.domain.request import CompressionOptions, Crop, Fit
from leanpix.engine import compress
from leanpix.engine.reading.headers import jpeg

XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
ISO_MARK = b"urn:iso:std:iso:ts:21496:-1\0"
ADOBE = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" hdrgm:GainMapMin="-1"'
    b' hdrgm:GainMapMax="3" hdrgm:Gamma="1" hdrgm:HDRCapacityMax="3"/></rdf:RDF></x:xmpmeta>'
)
APPLE = ADOBE.replace(b"hdrgm", b"HDRGainMap").replace(
    b"http://ns.adobe.com/hdr-gain-map", b"http://ns.apple.com/HDRGainMap"
)
# libvips reads it in a process where nothing is blocked: what the engine allows itself is not the question here.
READ = """
import sys, pyvips
if not pyvips.type_find("VipsForeign", "uhdrload_buffer"):
    sys.exit("none")
picture = pyvips.Image.uhdrload_buffer(sys.stdin.buffer.read())
inner = pyvips.Image.jpegload_buffer(picture.get("gainmap-data"))
print(picture.width, picture.height, inner.width, inner.height)
"""


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def gains(width: int, height: int) -> Image.Image:
    """Bright to the left and dark to the right, with a bright bar at the top."""
    values = np.tile(np.linspace(230, 20, width), (height, 1))
    values[: height // 8] = 255
    return Image.fromarray(values.astype(np.uint8))


def ultra_hdr(
    width: int = 320, height: int = 240, kind: str = "adobe", orientation: int = 1, quality: int = 97
) -> bytes:
    """With a map of a quarter of its sides."""
    mark = Image.Exif()
    mark[0x0112] = orientation
    picture = encoded(gradient(width, height), exif=mark.tobytes(), quality=quality)
    own = {
        "adobe": segment(0xE1, XMP_MARK + ADOBE),
        "apple": segment(0xE1, XMP_MARK + APPLE),
        "iso": segment(0xE2, ISO_MARK + bytes(62)),
    }[kind]
    inner = encoded(gains(width // 4, height // 4))
    if kind == "iso":
        picture = picture[:2] + segment(0xE2, ISO_MARK + bytes(4)) + picture[2:]
    return picture + inner[:2] + own + inner[2:]


def bodies(data: bytes, marker: int) -> Iterator[tuple[int, bytes]]:
    yield from ((one.payload, data[one.payload : one.end]) for one in jpeg.segments(data) if one.marker == marker)


def parts(data: bytes) -> tuple[bytes, bytes]:
    """The picture and the map, by the index alone."""
    at, body = next((at, body) for at, body in bodies(data, 0xE2) if body.startswith(b"MPF\0"))
    (entries,) = struct.unpack_from(">I", body, 4 + 8 + 2 + 2 * 12 + 8)
    _, first, begin, _, _ = struct.unpack_from(">IIIHH", body, 4 + entries)
    _, second, offset, _, _ = struct.unpack_from(">IIIHH", body, 4 + entries + 16)
    assert begin == 0
    start = at + 4 + offset
    assert (start, start + second) == (first, len(data))
    return data[:first], data[start:]


def pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("kind", ["adobe", "apple", "iso"])
@pytest.mark.parametrize("width", [None, 160])
def test_it_is_kept_by_default_and_has_its_picture_s_proportions(kind: str, width: int | None) -> None:
    done = compress(ultra_hdr(kind=kind), CompressionOptions(width_px=width))
    picture, inner = parts(done.data)
    assert pixels(picture).shape[:2] == ((240, 320) if width is None else (120, 160))
    assert pixels(inner).shape == ((60, 80) if width is None else (30, 40))
    assert Holding.GAIN_MAP not in done.report.lost
    assert done.report.result_bytes == len(done.data)


def test_its_own_metadata_is_copied_and_the_directory_has_its_length() -> None:
    picture, inner = parts(compress(ultra_hdr(), CompressionOptions(width_px=100)).data)
    assert next(bodies(inner, 0xE1))[1] == XMP_MARK + ADOBE
    packet = next(body for _, body in bodies(picture, 0xE1) if body.startswith(XMP_MARK))
    assert f'Item:Length="{len(inner)}"'.encode() in packet
    assert packet.count(b"hdrgm:Version") == 1
    picture, inner = parts(compress(ultra_hdr(kind="iso"), CompressionOptions(width_px=100)).data)
    assert ISO_MARK + bytes(4) in [body for _, body in bodies(picture, 0xE2)]
    assert ISO_MARK + bytes(62) in [body for _, body in bodies(inner, 0xE2)]


@pytest.mark.parametrize("crop", list(Crop))
def test_it_is_cropped_as_its_picture_is(crop: Crop) -> None:
    options = CompressionOptions(width_px=120, height_px=240, fit=Fit.COVER, crop=crop)
    _, inner = parts(compress(ultra_hdr(), options).data)
    found = pixels(inner)
    assert found.shape == (60, 30)
    if crop is Crop.CENTRE:
        expected = np.asarray(gains(80, 60))[:, 25:55]
        assert np.abs(found.astype(int) - expected).mean() < 4


def test_padding_has_no_gain() -> None:
    options = CompressionOptions(width_px=320, height_px=480, fit=Fit.CONTAIN)
    _, inner = parts(compress(ultra_hdr(), options).data)
    found = pixels(inner)
    assert found.shape == (120, 80)
    # From -1 to 3: a quarter of the range is no gain.
    assert np.abs(found[:24].astype(int) - 64).max() < 6
    assert np.abs(found[-24:].astype(int) - 64).max() < 6


@pytest.mark.parametrize("orientation", range(2, 9))
def test_it_is_turned_upright_as_its_picture_is(orientation: int) -> None:
    _, inner = parts(compress(ultra_hdr(orientation=orientation), CompressionOptions()).data)
    turned = gains(80, 60)
    exif = turned.getexif()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(encoded(turned, exif=exif.tobytes()))) as stored:
        from PIL import ImageOps

        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert pixels(inner).shape == expected.shape
    assert np.abs(pixels(inner).astype(int) - expected).mean() < 4


@pytest.mark.parametrize("name", [None, "d_S_gain-map.jpg"])
@pytest.mark.parametrize("width", [None, 300])
def test_libvips_reads_what_was_made(name: str | None, width: int | None) -> None:
    source = ultra_hdr() if name is None else corpus_file(name).read_bytes()
    done = compress(source, CompressionOptions(width_px=width, quality=60))
    read = subprocess.run([sys.executable, "-c", READ], input=done.data, capture_output=True, check=False)
    if read.stderr.strip() == b"none":
        pytest.skip("this libvips has no uhdrload")
    assert read.returncode == 0, read.stderr
    wide, high, inner_wide, inner_high = map(int, read.stdout.split())
    assert (wide, high) == (done.report.width_px, done.report.height_px)
    assert inner_wide / inner_high == pytest.approx(wide / high, rel=0.02)
    assert Holding.GAIN_MAP not in done.report.lost


def test_a_phone_s_map_that_is_finer_than_its_picture_is_kept_with_all_its_metadata() -> None:
    source = corpus_file("c_A_paris_exif_xmp_icc_gainmap_bigendian.jpg").read_bytes()
    picture, inner = parts(compress(source, CompressionOptions(width_px=200)).data)
    assert (pixels(picture).shape[:2], pixels(inner).shape) == ((150, 200), (191, 254))
    assert b"<rdf:li>3.7</rdf:li>" in inner


@pytest.mark.parametrize(
    "options",
    [
        CompressionOptions(format=OutputFormat.WEBP),
        CompressionOptions(format=OutputFormat.PNG),
        CompressionOptions(keep=parse_keep("none")),
    ],
)
def test_where_it_does_not_go_along_that_is_named(options: CompressionOptions) -> None:
    assert Holding.GAIN_MAP in compress(ultra_hdr(), options).report.lost


def test_its_directory_hides_no_other_xmp_that_goes() -> None:
    source = ultra_hdr()
    packet = ADOBE.replace(
        b'hdrgm:GainMapMin="-1"', b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="a tool"'
    )
    source = source[:2] + segment(0xE1, XMP_MARK + packet) + source[2:]
    assert set(compress(source, CompressionOptions()).report.lost) == {Holding.XMP}
    kept = compress(source, CompressionOptions(keep=parse_keep("xmp")))
    assert kept.report.lost == ()
    assert b"a tool" in kept.data


def test_a_size_holds_with_it_and_it_goes_where_it_takes_more_than_half() -> None:
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 255, (240, 320, 3), np.uint8))
    source = encoded(noise) + ultra_hdr()[ultra_hdr().index(b"\xff\xd8\xff", 3) :]
    kept = compress(source, CompressionOptions(max_bytes=16 * 1024))
    assert len(parts(kept.data)[1]) > 500
    assert 15 * 1024 < len(kept.data) <= 16 * 1024
    gone = compress(source, CompressionOptions(max_bytes=3 * 1024))
    assert len(gone.data) <= 3 * 1024
    assert Holding.GAIN_MAP in gone.report.lost


@pytest.mark.parametrize("quality", [1, 30, 97])
def test_with_it_a_result_is_never_larger_than_its_source(quality: int) -> None:
    source = ultra_hdr(64, 48, quality=quality)
    done = compress(source, CompressionOptions())
    assert len(done.data) <= len(source)


@pytest.mark.parametrize("cut", [1, 2, 200, 900])
def test_a_damaged_map_goes_and_is_named(cut: int) -> None:
    done = compress(ultra_hdr()[:-cut], CompressionOptions(width_px=100))
    assert pixels(done.data).shape == (75, 100, 3)
    names_it = Holding.GAIN_MAP in done.report.lost
    assert names_it != (b"MPF\0" in done.data)
