"""A header alone tells the format, the upright size, the frames, and what is over a limit."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.engine.facts import Limits
from leanpix.engine.reading.headers import jpeg
from leanpix.engine.reading.probe import Probe, probe, sniff
from leanpix.engine.resources import resource_budget

PHOTO = gradient(96, 64)
FILES = {
    SourceFormat.JPG: encoded(PHOTO, "JPEG"),
    SourceFormat.PNG: encoded(PHOTO, "PNG"),
    SourceFormat.WEBP: encoded(PHOTO, "WEBP"),
    SourceFormat.GIF: encoded(PHOTO, "GIF"),
    SourceFormat.BMP: encoded(PHOTO, "BMP"),
    SourceFormat.TIFF: encoded(PHOTO, "TIFF", compression="tiff_lzw"),
    SourceFormat.SGI: encoded(PHOTO, "SGI"),
}
NOT_ACCEPTED = {
    "nothing": b"",
    "a byte": b"\xff",
    "text": b"P3 1 1 255 0 0 0",
    "a page": b"<!doctype html>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0",
    "PDF": b"%PDF-1.7",
    "a film": b"\0\0\0\x14ftypisom\0\0\0\0mp42",
    "a program": b"\x7fELF",
    "a letter that begins with BM": b"BM, dear sir, is the name of a format",
}


def _probe(source: bytes, **limits: int) -> Probe:
    return probe(source, Limits(**limits))


def _state(source: bytes, **limits: int) -> TaskState:
    with pytest.raises(TaskFailure) as raised:
        _probe(source, **limits)
    return raised.value.state


@pytest.mark.parametrize("form", FILES)
def test_format_and_size_are_told_by_the_bytes(form: SourceFormat) -> None:
    found = _probe(FILES[form])
    assert (sniff(FILES[form]), found.format, found.width_px, found.height_px) == (form, form, 96, 64)
    assert (found.frames, found.has_alpha, found.orientation) == (1, False, 1)


@pytest.mark.parametrize("form", FILES)
def test_only_jpeg_and_webp_sources_lost_something(form: SourceFormat) -> None:
    assert _probe(FILES[form]).is_lossless == (form not in {SourceFormat.JPG, SourceFormat.WEBP})


@pytest.mark.parametrize("name", NOT_ACCEPTED)
def test_what_is_no_accepted_picture_is_invalid(name: str) -> None:
    assert sniff(NOT_ACCEPTED[name]) is None
    assert _state(NOT_ACCEPTED[name]) == TaskState.INVALID_IMAGE


@pytest.mark.parametrize("form", FILES)
def test_header_cut_short_is_invalid(form: SourceFormat) -> None:
    assert _state(FILES[form][:20]) == TaskState.INVALID_IMAGE


@pytest.mark.parametrize("form", FILES)
def test_side_over_the_limit_is_refused_and_the_limit_itself_is_not(form: SourceFormat) -> None:
    assert _probe(FILES[form], max_side_px=96).width_px == 96
    assert _state(FILES[form], max_side_px=95) == TaskState.NOT_MEETING_REQUIREMENTS


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_sides_are_those_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP"):
        found = _probe(encoded(PHOTO, kind, exif=exif))
        assert found.orientation == orientation
        assert (found.width_px, found.height_px) == ((64, 96) if orientation == 6 else (96, 64))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_frames_are_counted_and_limited(kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), (50 * number, 0, 0)) for number in range(5)]
    source = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert _probe(source).frames == 5
    assert _probe(source, max_frames=5).is_animated
    assert _state(source, max_frames=4) == TaskState.NOT_MEETING_REQUIREMENTS
    assert _probe(source, max_total_pixels=5 * 20 * 10).frames == 5
    assert _state(source, max_total_pixels=5 * 20 * 10 - 1) == TaskState.NOT_MEETING_REQUIREMENTS


@pytest.mark.parametrize("quality", [10, 45, 50, 75, 88, 100])
def test_quality_of_a_jpeg_is_read_off_its_table(quality: int) -> None:
    assert _probe(encoded(PHOTO, "JPEG", quality=quality)).quality == quality


@pytest.mark.parametrize(("mode", "bands"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3)])
def test_bands_and_alpha_of_a_png(mode: str, bands: int) -> None:
    found = _probe(encoded(PHOTO.convert(mode), "PNG"))
    assert (found.bands, found.has_alpha) == (bands, bands in {2, 4})


def test_progressive_jpeg_with_too_many_scans_is_refused() -> None:
    source = encoded(PHOTO, "JPEG", progressive=True)
    scan = source[source.rindex(b"\xff\xda") : -2]
    bomb = source[:-2] + scan * 100 + source[-2:]
    assert _probe(source).scans == 10
    assert _state(bomb) == TaskState.NOT_MEETING_REQUIREMENTS


def test_size_is_judged_before_the_rest_of_the_header() -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    source = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    assert _state(source) == TaskState.NOT_MEETING_REQUIREMENTS


def test_png_that_ends_before_its_pixels_is_cut_short() -> None:
    source = FILES[SourceFormat.PNG]
    assert _state(source[: source.index(b"IDAT") - 4]) == TaskState.INVALID_IMAGE


def test_directory_that_points_at_itself_ends() -> None:
    source = bytearray(FILES[SourceFormat.TIFF])
    (first,) = struct.unpack_from("<I", source, 4)
    (entries,) = struct.unpack_from("<H", source, first)
    struct.pack_into("<I", source, first + 2 + 12 * entries, first)
    assert _probe(bytes(source)).width_px == 96


def test_budget_grows_with_pixels_and_frames() -> None:
    small, large = (_probe(encoded(gradient(side, side), "JPEG")) for side in (64, 640))
    for target in OutputFormat:
        options = CompressionOptions(format=target)
        little, much = resource_budget(small, options), resource_budget(large, options)
        assert little.memory_bytes < much.memory_bytes
        assert little.address_bytes < much.address_bytes
        assert little.cpu_s <= much.cpu_s
    many = io.BytesIO()
    gradient(64, 64).save(
        many, "GIF", save_all=True, append_images=[gradient(65, 64).crop((1, 0, 65, 64)), gradient(64, 64)]
    )
    assert (
        resource_budget(_probe(many.getvalue()), CompressionOptions()).memory_bytes
        > resource_budget(small, CompressionOptions(format=OutputFormat.WEBP)).memory_bytes
    )


@pytest.mark.parametrize("compression", ["zstd", "lzma"])
def test_sound_tiff_of_a_compression_that_is_not_read_is_called_unsupported_and_not_damaged(compression: str) -> None:
    source = encoded(gradient(64, 64), "TIFF", compression=compression)
    with pytest.raises(TaskFailure, match=r"^Unsupported image file: TIFF with \w+ compression") as failure:
        probe(source, Limits())
    assert failure.value.state is TaskState.INVALID_IMAGE


def test_jpeg_of_12_bits_is_called_unsupported_and_not_damaged() -> None:
    source = bytearray(encoded(gradient(64, 64)))
    source[source.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(TaskFailure, match="12 bits a sample") as failure:
        probe(bytes(source), Limits())
    assert failure.value.state is TaskState.INVALID_IMAGE


def test_what_stands_before_a_jpegs_damage_is_found_however_often_it_is_asked_for() -> None:
    profile = bytes(range(200))
    icc = b"ICC_PROFILE\0\x01\x01" + profile
    segment = b"\xff\xe2" + struct.pack(">H", len(icc) + 2) + icc
    sound = encoded(gradient())
    too_many = sound[:2] + segment + sound[2:-2] + b"\xff\x01" * 20_000 + sound[-2:]
    for _ in range(2):
        assert jpeg.profile(too_many) == profile
        with pytest.raises(TaskFailure):
            list(jpeg.segments(too_many))


def test_segments_are_those_of_the_bytes_that_were_asked_about() -> None:
    files = [encoded(gradient(side, side)) for side in (8, 16, 24, 32)]
    walked = [list(jpeg.segments(one)) for one in files]
    assert [list(jpeg.segments(one)) for one in files] == walked
    assert [list(jpeg.segments(bytes(bytearray(one)))) for one in files] == walked
    assert [found[-1].end for found in walked] == [len(one) for one in files]
