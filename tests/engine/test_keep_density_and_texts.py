"""What `keep` carries over of dots per inch, comments and a PNG's texts, as exiftool and Pillow read it."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tests.support.pictures import encoded, gradient
from tests.support.png_files import chunk

from leanpix.domain.formats import OutputFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import parse_keep
from leanpix.domain.own_mark import mark_of, marked
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress

JPG, WEBP, PNG, AVIF, JXL = (OutputFormat(name) for name in ("jpg", "webp", "png", "avif", "jxl"))
FORMATS = [JPG, PNG, WEBP, AVIF, JXL]
EXIFTOOL = shutil.which("exiftool")
needs_exiftool = pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")


def made(
    source: bytes, words: str, target: OutputFormat | None = None, quality: int | None = None
) -> tuple[bytes, set[Holding]]:
    done = compress(source, CompressionOptions(format=target, keep=parse_keep(words), quality=quality))
    return done.data, set(done.report.lost)


def told(data: bytes, folder: Path) -> dict[str, object]:
    """What exiftool reads, and that it finds nothing wrong."""
    path = folder / "result"
    path.write_bytes(data)
    assert EXIFTOOL is not None
    done = subprocess.run([EXIFTOOL, "-j", "-n", str(path)], capture_output=True, check=False)
    found: dict[str, object] = json.loads(done.stdout)[0]
    assert not {"Warning", "Error"} & set(found), found
    return found


def exif_dpi(dots: float, unit: int = 2) -> bytes:
    block = Image.Exif()
    block[0x011A], block[0x011B], block[0x0128], block[0x010F] = dots, dots, unit, "a camera"
    return block.tobytes()


def with_exif(kind: str, block: bytes) -> bytes:
    return encoded(gradient(64, 48), kind, exif=block)


SOURCES = {
    "JFIF": lambda: encoded(gradient(64, 48), dpi=(300, 300)),
    "pHYs": lambda: encoded(gradient(64, 48), "PNG", dpi=(300, 300)),
    "TIFF": lambda: encoded(gradient(64, 48), "TIFF", dpi=(300, 300)),
    "BMP": lambda: encoded(gradient(64, 48), "BMP", dpi=(300, 300)),
    "EXIF in WebP": lambda: with_exif("WEBP", exif_dpi(300)),
    "EXIF in JPEG": lambda: with_exif("JPEG", exif_dpi(300)),
    "a centimetre": lambda: with_exif("WEBP", exif_dpi(118.11, unit=3)),
}


def dots_of(found: dict[str, object]) -> tuple[float, float]:
    if "PixelsPerUnitX" in found:
        return float(str(found["PixelsPerUnitX"])) * 0.0254, float(str(found["PixelsPerUnitY"])) * 0.0254
    per_inch = 2.54 if found["ResolutionUnit"] == 3 else 1.0
    return float(str(found["XResolution"])) * per_inch, float(str(found["YResolution"])) * per_inch


@needs_exiftool
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", SOURCES)
def test_dots_per_inch_are_kept_by_name(name: str, target: OutputFormat, tmp_path: Path) -> None:
    data, lost = made(SOURCES[name](), "resolution", target)
    assert dots_of(told(data, tmp_path)) == pytest.approx((300, 300), rel=0.001)
    assert Holding.RESOLUTION not in lost


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", SOURCES)
def test_dots_per_inch_go_by_default_and_are_named(name: str, target: OutputFormat) -> None:
    assert Holding.RESOLUTION in made(SOURCES[name](), "", target)[1]


@pytest.mark.parametrize("dots", [(72, 144), (118 * 2.54, 118 * 2.54), (4000, 1)])
def test_a_jpeg_says_them_in_the_unit_in_which_they_are_whole(dots: tuple[float, float]) -> None:
    data, _ = made(encoded(gradient(64, 48), "TIFF", dpi=dots), "all", JPG)
    unit, across, down = struct.unpack_from(">BHH", data, 13)
    assert (across * (2.54 if unit == 2 else 1), down * (2.54 if unit == 2 else 1)) == pytest.approx(dots)


def test_a_turned_picture_s_sides_change_places() -> None:
    block = Image.Exif()
    block[0x0112] = 6
    data, _ = made(encoded(gradient(64, 48), exif=block.tobytes(), dpi=(100, 200)), "resolution")
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.size, picture.info["dpi"]) == ((48, 64), (200, 100))


def with_components(jpeg: bytes, names: bytes) -> bytes:
    """The same JPEG, without JFIF's segment, with its three components by other names."""
    data = bytearray(jpeg[:2] + jpeg[20:])
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    data[frame + 10 : frame + 19 : 3] = names
    data[scan + 5 : scan + 11 : 2] = names
    return bytes(data)


@pytest.mark.parametrize("names", [b"\1\2\3", b"RGB"])
def test_no_resolution_changes_the_colours_of_a_kept_file(names: bytes) -> None:
    """A new JFIF segment would make YCbCr of what is RGB by its components' names."""
    plain = Image.new("RGB", (64, 48), (200, 30, 90))
    source = with_components(encoded(plain, quality=60, subsampling=0, exif=exif_dpi(240)), names)
    data, lost = made(source, "resolution", quality=100)
    assert Holding.RESOLUTION not in lost
    with Image.open(io.BytesIO(source)) as before, Image.open(io.BytesIO(data)) as picture:
        assert picture.info["dpi"] == (240, 240)
        assert picture.convert("RGB").getpixel((5, 5)) == pytest.approx(before.convert("RGB").getpixel((5, 5)), abs=3)


# Comments and texts.


def png_with_texts() -> bytes:
    words = PngInfo()
    words.add_text("parameters", "a hat, Steps: 20", zip=True)
    words.add_itxt("Description", "Hüte", "de", "")
    words.add_text("Copyright", "\xa9 Ann")
    words.add_text("Author", "Ann")
    words.add_text("Creation Time", "Mon, 4 May 2026")
    return encoded(gradient(64, 48), "PNG", pnginfo=words)


def texts(data: bytes) -> dict[str, str]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return {key: str(text) for key, text in picture.text.items()}  # type: ignore[attr-defined]


def test_a_png_s_texts_stay_in_a_png_as_they_are() -> None:
    data, lost = made(png_with_texts(), "all")
    assert texts(data) == texts(png_with_texts())
    assert lost == set()


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("copyright", {"Copyright", "Author"}),
        ("date", {"Creation Time"}),
        ("comment", {"parameters", "Description"}),
        ("", set()),
    ],
)
def test_of_a_png_s_texts_those_stay_that_are_named(words: str, kept: set[str]) -> None:
    data, lost = made(png_with_texts(), words)
    assert set(texts(data)) == kept
    kinds = {"copyright": Holding.COPYRIGHT, "date": Holding.DATE, "comment": Holding.COMMENT}
    assert lost == set(kinds.values()) - ({kinds[words]} if words else set())


def test_a_time_stays_with_the_dates() -> None:
    plain = encoded(gradient(64, 48), "PNG")
    source = plain[:33] + chunk(b"tIME", struct.pack(">HBBBBB", 2026, 5, 4, 3, 2, 1)) + plain[33:]
    data, lost = made(source, "date")
    assert b"tIME\x07\xea\x05\x04\x03\x02\x01" in data
    assert lost == set()


@needs_exiftool
@pytest.mark.parametrize("target", [JPG, WEBP, AVIF, JXL])
def test_whose_a_png_is_goes_on_in_exif(target: OutputFormat, tmp_path: Path) -> None:
    data, lost = made(png_with_texts(), "copyright", target)
    found = told(data, tmp_path)
    assert (found["Copyright"], found["Artist"]) == ("\xa9 Ann", "Ann")
    assert Holding.COPYRIGHT not in lost
    assert {Holding.DATE, Holding.COMMENT} <= lost


def test_exif_s_own_notice_is_not_overwritten() -> None:
    words, block = PngInfo(), Image.Exif()
    words.add_text("Copyright", "Somebody")
    block[0x8298] = "Ann"
    source = encoded(gradient(64, 48), "PNG", pnginfo=words, exif=block.tobytes())
    data, _ = made(source, "copyright", WEBP)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.getexif()[0x8298] == "Ann"


@pytest.mark.parametrize("text", [b"by hand", "Hüte".encode(), b"H\xfcte"])
def test_a_jpeg_s_comment_stays_in_a_jpeg_and_goes_on_in_a_png(text: bytes) -> None:
    source = encoded(gradient(64, 48), comment=text)
    data, lost = made(source, "comment")
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.info["comment"] == text
    assert lost == set()
    data, lost = made(source, "comment", PNG)
    assert texts(data)["Comment"] == ("by hand" if text == b"by hand" else "Hüte")
    assert lost == set()


def test_what_has_no_place_is_named_beside_what_has_one() -> None:
    data, lost = made(png_with_texts(), "all", JPG)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.info["comment"].decode() == "Hüte"
    assert Holding.COMMENT in lost  # the parameters
    assert Holding.COMMENT in made(encoded(gradient(64, 48), comment=b"by hand"), "all", WEBP)[1]


def test_a_mark_of_the_command_is_no_comment() -> None:
    source = marked(encoded(gradient(64, 48), quality=97))
    data, _ = made(source, "all", quality=50)
    assert mark_of(source) is not None
    assert mark_of(data) is None


def test_texts_without_end_are_left_out_and_named() -> None:
    plain = encoded(gradient(64, 48), "PNG")
    long = chunk(b"zTXt", b"parameters\0\0" + zlib.compress(np.random.default_rng(1).bytes(300_000)))
    data, lost = made(plain[:33] + long + plain[33:], "all")
    assert b"parameters" not in data
    assert Holding.COMMENT in lost
    data, lost = made(plain[:33] + chunk(b"tEXt", b"Copyright\0" + b"x" * 70_000) + plain[33:], "copyright", JPG)
    assert Holding.COPYRIGHT in lost
