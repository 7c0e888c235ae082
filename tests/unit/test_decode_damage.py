"""A picture that is cut short is invalid, in every format and however it was cut; it is never shown in part."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.decoding import loaded, pixels_of
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState

NOISE = np.random.default_rng(7).integers(0, 256, (80, 120, 3), dtype=np.uint8)
PHOTO = Image.fromarray((np.asarray(gradient(120, 80)) // 2 + NOISE // 2).astype(np.uint8))
END_OF_JPEG = b"\xff\xd9"
FILES = {
    "JPEG": encoded(PHOTO, "JPEG"),
    "progressive JPEG": encoded(PHOTO, "JPEG", progressive=True),
    "JPEG with restarts": encoded(PHOTO, "JPEG", restart_marker_rows=1),
    "PNG": encoded(PHOTO, "PNG"),
    "WebP": encoded(PHOTO, "WEBP", quality=90),
    "lossless WebP": encoded(PHOTO, "WEBP", lossless=True),
    "GIF": encoded(PHOTO, "GIF"),
    "BMP": encoded(PHOTO, "BMP"),
    "TIFF": encoded(PHOTO, "TIFF"),
    "TIFF with LZW": encoded(PHOTO, "TIFF", compression="tiff_lzw"),
    "SGI": encoded(PHOTO, "SGI"),
    "packed SGI": encoded(PHOTO, "SGI", rle=True),
}


def _assert_invalid(source: bytes) -> None:
    with pytest.raises(TaskFailure) as raised:
        loaded(source)
    assert raised.value.state == TaskState.INVALID_IMAGE


@pytest.mark.parametrize("name", FILES)
def test_whole_picture_decodes(name: str) -> None:
    assert (loaded(FILES[name]).width_px, loaded(FILES[name]).height_px) == (120, 80)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", FILES)
def test_cut_picture_is_invalid(name: str, share: float) -> None:
    _assert_invalid(FILES[name][: int(len(FILES[name]) * share)])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", ["JPEG", "JPEG with restarts"])
def test_cut_jpeg_that_was_ended_again_is_invalid(name: str, share: float) -> None:
    _assert_invalid(FILES[name][: int(len(FILES[name]) * share)] + END_OF_JPEG)


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_cut_jpeg_that_goes_on_in_another_is_invalid(share: float) -> None:
    whole = FILES["JPEG"]
    _assert_invalid(whole[: int(len(whole) * share)] + whole)


@pytest.mark.parametrize("kept", range(1, 10))
def test_progressive_jpeg_without_all_of_its_scans_is_invalid(kept: int) -> None:
    source = FILES["progressive JPEG"]
    parts = source.split(b"\xff\xda")
    assert len(parts) == 11
    _assert_invalid(b"\xff\xda".join(parts[: kept + 1]) + END_OF_JPEG)


def test_what_follows_the_picture_does_no_harm() -> None:
    assert loaded(FILES["JPEG"] + b"PK\x03\x04 and an archive").width_px == 120
    assert loaded(FILES["JPEG"] + FILES["JPEG"]).width_px == 120
    assert loaded(FILES["PNG"] + b"more").width_px == 120


def test_pixels_that_do_not_match_their_checksum_are_invalid() -> None:
    source = bytearray(FILES["PNG"])
    source[source.index(b"IDAT") + 200] ^= 0x55
    _assert_invalid(bytes(source))


def _rechunked(png: bytes, stream: bytes) -> bytes:
    """The PNG with another stream of pixels in one chunk, its checksum right."""
    start = png.index(b"IDAT") - 4
    data = b"IDAT" + stream
    return png[:start] + struct.pack(">I", len(stream)) + data + struct.pack(">I", zlib.crc32(data)) + png[-12:]


def _stream(png: bytes) -> bytes:
    parts, at = [], png.index(b"IDAT") - 4
    while png[at + 4 : at + 8] == b"IDAT":
        (length,) = struct.unpack_from(">I", png, at)
        parts.append(png[at + 8 : at + 8 + length])
        at += length + 12
    return b"".join(parts)


STREAM = _stream(FILES["PNG"])
COSTS_NO_PIXEL = {
    "PNG without its end": FILES["PNG"][:-12],
    "PNG with half of its end": FILES["PNG"][:-7],
    "PNG with a wrong Adler-32": _rechunked(FILES["PNG"], STREAM[:-1] + bytes([STREAM[-1] ^ 1])),
    "PNG without an Adler-32": _rechunked(FILES["PNG"], STREAM[:-4]),
    "PNG with a wrong checksum": FILES["PNG"][:-13] + bytes([FILES["PNG"][-13] ^ 1]) + FILES["PNG"][-12:],
    "JPEG without its end": FILES["JPEG"][:-2],
    "progressive JPEG without its end": FILES["progressive JPEG"][:-2],
    "JPEG with restarts without its end": FILES["JPEG with restarts"][:-2],
    "GIF without its end": FILES["GIF"][:-1],
    "WebP that is shorter than it says": FILES["WebP"][:4] + struct.pack("<I", 10**6) + FILES["WebP"][8:],
}


@pytest.mark.parametrize("name", COSTS_NO_PIXEL)
def test_damage_that_costs_no_pixel_is_taken_and_told(name: str) -> None:
    kind = next(
        kind for kind in ("progressive JPEG", "JPEG with restarts", "JPEG", "PNG", "GIF", "WebP") if kind in name
    )
    picture = loaded(COSTS_NO_PIXEL[name])
    assert (pixels_of(picture) == pixels_of(loaded(FILES[kind]))).all()
    assert [warning for warning in picture.warnings if "are all there" in warning]
    assert not loaded(FILES[kind]).warnings


def test_window_that_is_declared_too_small_is_taken_and_told() -> None:
    twice = encoded(Image.fromarray(np.vstack([NOISE, NOISE])), "PNG", compress_level=9)
    picture = loaded(_rechunked(twice, b"\x08\x1d" + _stream(twice)[2:]))
    assert (pixels_of(picture) == np.vstack([NOISE, NOISE])).all()
    assert [warning for warning in picture.warnings if "are all there" in warning]


@pytest.mark.parametrize("missing", [10, 20, 50, 200])
@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG", "JPEG with restarts", "PNG"])
def test_end_that_is_missing_with_pixels_is_invalid(name: str, missing: int) -> None:
    _assert_invalid(FILES[name][:-missing] if name != "PNG" else FILES[name][: -12 - 8 - missing])


def test_pixels_that_neither_checksum_vouches_for_are_invalid() -> None:
    wrong = bytearray(_rechunked(FILES["PNG"], STREAM[:-1] + bytes([STREAM[-1] ^ 1])))
    wrong[-13] ^= 1
    _assert_invalid(bytes(wrong))


def test_sgi_of_one_dimension_has_one_row_for_the_decoder_too() -> None:
    source = bytearray(FILES["SGI"])
    source[4:12] = struct.pack(">HHHH", 1, 120, 65_535, 1)
    _assert_invalid(bytes(source))


OUT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from tests.support.decoding import loaded, pixels_of
from leanpix.domain.errors import TaskFailure
loaded(Path(sys.argv[2]).read_bytes())
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + (24 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    loaded(Path(sys.argv[1]).read_bytes())
except TaskFailure as failure:
    print(int(failure.state))
"""


def test_sound_picture_without_memory_for_it_is_not_called_damaged(tmp_path: Path) -> None:
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    large.write_bytes(encoded(Image.new("RGB", (6000, 6000), (9, 9, 9)), "PNG"))
    small.write_bytes(FILES["PNG"])
    ran = subprocess.run(
        [sys.executable, "-c", OUT_OF_MEMORY, large, small],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    assert int(ran.stdout) == TaskState.NO_RESOURCES
