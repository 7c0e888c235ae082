"""PNG, APNG, GIF, BMP and JPEG are shown as Chromium shows them: kinds of files that readers are known to differ on."""

from __future__ import annotations

import struct
import zlib
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support import bmp_files, gif_files
from tests.support.bmp_files import FIELDS, INFO, RLE4, RLE8, V4, V5, bmp, packed_rows
from tests.support.decoding import loaded, rgba_of
from tests.support.pictures import encoded, gradient
from tests.support.png_files import (
    CLEAR,
    GRAY,
    GRAY_ALPHA,
    KEEP,
    OVER,
    PALETTE,
    REPLACE,
    RESTORE,
    RGB,
    RGB_ALPHA,
    SAMPLES,
    Frame,
    apng,
    chunk,
    deflated,
    png,
    with_wrong_checksum,
)
from tests.support.shown import Shown

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.colour.made_profile import SRGB_PRIMARIES, Primaries, gray_profile, matrix_profile

TOLERANCE = 2
HDR_TOLERANCE = 3
"""Chromium bends light in steps where a peak is given: three levels off the curve itself."""

P3 = Primaries((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
GBR = Primaries((0.3127, 0.3290), (0.30, 0.60), (0.15, 0.06), (0.64, 0.33))
_STEPS = np.linspace(0, 255, 9).round().astype(np.uint8)
CUBE: NDArray[np.uint8] = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), axis=-1).reshape(27, 27, 3)
RAMP: NDArray[np.uint8] = np.arange(256, dtype=np.uint8).reshape(16, 16)


def _weighted(samples: NDArray[np.integer]) -> NDArray[np.float64]:
    """Colours weighted by their alpha: under a transparent pixel any colour is the same."""
    weighted = samples.astype(np.float64)
    weighted[..., :3] *= weighted[..., 3:] / 255
    return weighted


def _assert_still(shown: Shown, source: bytes, kind: str, tolerance: int = TOLERANCE) -> None:
    theirs = shown.still(source, f"image/{kind}")
    assert theirs is not None
    # No profile is kept: what is compared is sRGB.
    ours = rgba_of(loaded(source, CompressionOptions(keep=()), target=OutputFormat.WEBP))
    assert ours.shape == theirs.shape
    assert np.abs(_weighted(ours) - _weighted(theirs)).max() <= tolerance


def _assert_played(shown: Shown, source: bytes, kind: str) -> None:
    theirs = shown.frames(source, f"image/{kind}")
    assert theirs is not None
    picture = loaded(source, target=OutputFormat.WEBP)
    assert picture.frames == len(theirs)
    ours = rgba_of(picture).reshape(-1, *theirs[0].shape)
    for mine, his in zip(ours, theirs, strict=True):
        assert np.abs(_weighted(mine) - _weighted(his)).max() <= TOLERANCE


def _icc(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"a\0\0" + zlib.compress(profile))


def _gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def _primaries(primaries: Primaries) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in primaries.flat())))


def _coded(primaries: int, transfer: int, matrix: int = 0, full_range: int = 1) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, matrix, full_range]))


CODE_POINTS = sorted(
    set(product((1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22), (1, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 17, 18)))
    - {(10, 18)}  # HLG of imaginary primaries has negative light, of which everybody makes something else
)


@pytest.mark.parametrize(("primaries", "transfer"), CODE_POINTS)
def test_code_points_of_every_kind(shown: Shown, primaries: int, transfer: int) -> None:
    _assert_still(shown, png(CUBE, before=_coded(primaries, transfer)), "png")


PEAK = {
    "content of 150 nits": chunk(b"cLLI", struct.pack(">II", 1_500_000, 1_000_000)),
    "content of 300 nits": chunk(b"cLLI", struct.pack(">II", 3_000_000, 1_000_000)),
    "display of 4000 nits": chunk(b"mDCV", struct.pack(">8HII", *range(8), 40_000_000, 50)),
}


@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize("peak", PEAK)
def test_high_range_with_a_peak(shown: Shown, peak: str, transfer: int) -> None:
    gray = np.repeat(RAMP[..., np.newaxis], 3, axis=2)
    _assert_still(shown, png(gray, before=_coded(9, transfer) + PEAK[peak]), "png", HDR_TOLERANCE)


KINDS: dict[str, tuple[NDArray[np.uint8] | NDArray[np.uint16], int, int]] = {
    "RGB": (CUBE, RGB, 8),
    "16-bit RGB": (CUBE.astype(np.uint16) * 257, RGB, 16),
    "RGB with alpha": (np.dstack([CUBE, np.full(CUBE.shape[:2], 200, np.uint8)]), RGB_ALPHA, 8),
    "gray": (RAMP, GRAY, 8),
    "16-bit gray": (RAMP.astype(np.uint16) * 257, GRAY, 16),
    "gray with alpha": (np.dstack([RAMP, RAMP]), GRAY_ALPHA, 8),
    "palette": (RAMP, PALETTE, 8),
}
COLOURS = {
    "sRGB over gamma": chunk(b"sRGB", b"\0") + _gamma(1.0),
    "profile over sRGB": chunk(b"sRGB", b"\0") + _icc(matrix_profile(P3, None)),
    "sRGB behind the profile": _icc(matrix_profile(P3, None)) + chunk(b"sRGB", b"\0"),
    "profile over gamma": _gamma(1.0) + _primaries(GBR) + _icc(matrix_profile(P3, None)),
    "code points over profile": _coded(12, 13) + _icc(matrix_profile(GBR, 1.8)),
    "code points behind the profile": _icc(matrix_profile(GBR, 1.8)) + _coded(1, 8),
    "unknown code points": _coded(12, 2) + _icc(matrix_profile(GBR, 1.8)),
    "narrow range": _coded(12, 13, full_range=0) + _icc(matrix_profile(GBR, 1.8)),
    "short code points": chunk(b"cICP", b"\x0c\x0d\0"),
    "first of two profiles": _icc(matrix_profile(P3, None)) + _icc(matrix_profile(GBR, 1.8)),
    "first of two gammas": _gamma(1.0) + _gamma(0.35),
    "profile with a wrong checksum": with_wrong_checksum(_icc(matrix_profile(P3, None)))
    + _icc(matrix_profile(GBR, 1.8)),
    "broken profile": chunk(b"iCCP", b"a\0\0" + zlib.compress(matrix_profile(P3, None))[:50]) + _gamma(1.0),
    "no profile": _icc(b"no profile" * 30) + _gamma(1.0),
    "cut profile": _icc(matrix_profile(P3, None)[:-20]),
    "RGB profile": _icc(matrix_profile(GBR, 1.8)),
    "gray profile": _icc(gray_profile(1.0)) + _gamma(0.35),
    "gamma near sRGB's": _gamma(0.45455),
    "gamma near sRGB's with primaries": _gamma(0.45455) + _primaries(SRGB_PRIMARIES),
    "gamma and primaries": _gamma(0.55) + _primaries(P3),
    "primaries alone": _primaries(P3),
    "gamma of zero": _gamma(0) + _gamma(1.0),
    "PQ": _coded(9, 16),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", COLOURS)
def test_what_ranks_highest_of_a_pngs_colours(shown: Shown, said: str, kind: str) -> None:
    samples, colour_type, bits = KINDS[kind]
    colours = np.random.default_rng(3).integers(0, 256, 768, np.uint8).tobytes() if colour_type == PALETTE else b""
    # Chromium bends premultiplied samples of 8 bits, so that rounding under alpha is blown up.
    tolerance = 8 if said == "PQ" and "alpha" in kind else TOLERANCE
    _assert_still(shown, png(samples, colour_type, bits, before=COLOURS[said], palette=colours), "png", tolerance)


LATE = {"profile": _icc(matrix_profile(GBR, 1.8)), "gamma": _gamma(1.0), "code points": _coded(1, 8)}


@pytest.mark.parametrize("name", LATE)
def test_late_colours(shown: Shown, name: str) -> None:
    _assert_still(shown, png(CUBE, after=LATE[name]), "png")
    _assert_still(shown, png(CUBE, palette=bytes(6), behind_palette=LATE[name]), "png")


CLEAR_CHUNK = chunk(b"tRNS", bytes([0, 128]))


@pytest.mark.parametrize(
    "places",
    [
        {"behind_palette": CLEAR_CHUNK},
        {"before": CLEAR_CHUNK},
        {"after": CLEAR_CHUNK},
        {"behind_palette": with_wrong_checksum(CLEAR_CHUNK)},
        {"behind_palette": CLEAR_CHUNK + chunk(b"tRNS", bytes([9, 128]))},
        {"behind_palette": chunk(b"tRNS", bytes([0, 128]) + b"\xff" * 300)},
        {"behind_palette": chunk(b"tRNS", bytes(range(40))), "palette": bytes(range(48))},
        {"palette": bytes(range(1, 49))},
    ],
)
def test_transparency_and_indices_of_a_palette(shown: Shown, places: dict[str, bytes]) -> None:
    source = png(
        RAMP,
        PALETTE,
        before=places.get("before", b""),
        palette=places.get("palette", bytes(range(256)) * 3),
        behind_palette=places.get("behind_palette", b""),
        after=places.get("after", b""),
    )
    _assert_still(shown, source, "png")


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\5", b"\0\5\0", b"\1\5"])
def test_transparent_gray(shown: Shown, data: bytes) -> None:
    _assert_still(shown, png(RAMP, GRAY, behind_palette=chunk(b"tRNS", data)), "png")


def test_default_picture_is_not_shown_where_one_frame_is_played(shown: Shown) -> None:
    hidden, frame = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 90, np.uint8)
    _assert_still(shown, apng((8, 8), [Frame(frame)], hidden=hidden), "png")


def _solid(width: int, height: int, *colour: int) -> NDArray[np.uint8]:
    return np.full((height, width, len(colour)), colour, np.uint8)


WHOLE = Frame(_solid(16, 12, 255, 0, 0, 255))
PART = Frame(_solid(6, 5, 0, 255, 0, 128), 3, 2, blend=OVER)
LAST = Frame(_solid(4, 4, 0, 0, 255, 255), 8, 6)
HIDDEN = _solid(16, 12, 9, 9, 9, 255)
ODD_APNGS = {
    "as told": apng((16, 12), [WHOLE, PART, LAST], RGB_ALPHA),
    "told 1 of 3": apng((16, 12), [WHOLE, PART, LAST], RGB_ALPHA, told=1),
    "told 2 of 3": apng((16, 12), [WHOLE, PART, LAST], RGB_ALPHA, told=2),
    "told 5 of 3": apng((16, 12), [WHOLE, PART, LAST], RGB_ALPHA, told=5),
    "told 0": apng((16, 12), [WHOLE, PART, LAST], RGB_ALPHA, told=0),
    "hidden": apng((16, 12), [WHOLE, PART], RGB_ALPHA, hidden=HIDDEN),
    "hidden told 3 of 1": apng((16, 12), [WHOLE], RGB_ALPHA, hidden=HIDDEN, told=3),
    "first frame is a part": apng((16, 12), [PART, WHOLE], RGB_ALPHA, hidden=HIDDEN),
    "out of sequence": apng((16, 12), [WHOLE, PART, LAST], RGB_ALPHA, sequence=[0, 3, 4, 1, 2]),
    "gap in the sequence": apng((16, 12), [WHOLE, PART, LAST], RGB_ALPHA, sequence=[0, 1, 2, 5, 6]),
    "outside": apng((16, 12), [WHOLE, Frame(PART.samples, 13, 2), LAST], RGB_ALPHA),
    "unknown disposal": apng((16, 12), [WHOLE, Frame(PART.samples, 3, 2, 5), LAST], RGB_ALPHA),
    "first restored": apng((16, 12), [Frame(WHOLE.samples, disposal=RESTORE), PART, LAST], RGB_ALPHA),
    "first over nothing": apng((16, 12), [Frame(_solid(16, 12, 255, 0, 0, 100), blend=OVER), PART], RGB_ALPHA),
}


@pytest.mark.parametrize("name", ODD_APNGS)
def test_apng_that_breaks_or_bends_a_rule(shown: Shown, name: str) -> None:
    _assert_played(shown, ODD_APNGS[name], "png")


APNG_KINDS = [(GRAY, 1), (GRAY, 2), (GRAY, 4), (GRAY, 8), (GRAY, 16), (RGB, 8), (RGB, 16), (PALETTE, 1), (PALETTE, 4)]
APNG_KINDS += [(PALETTE, 8), (GRAY_ALPHA, 8), (GRAY_ALPHA, 16), (RGB_ALPHA, 8), (RGB_ALPHA, 16)]


@pytest.mark.parametrize(("kind", "bits"), APNG_KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_apng_of_any_disposal_blending_and_depth(shown: Shown, kind: int, bits: int, seed: int) -> None:
    chance = np.random.default_rng([kind, bits, seed])
    width, height = int(chance.integers(3, 20)), int(chance.integers(3, 20))
    bands, levels = SAMPLES[kind], 1 << bits

    def samples(wide: int, high: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
        made = chance.integers(0, levels, (high, wide, bands), np.uint16)
        if bands in {2, 4}:
            made[..., -1] = chance.choice([0, levels - 1, levels // 2, levels // 4], (high, wide))
        return made if bands > 1 else made[..., 0]

    frames = [Frame(samples(width, height), 0, 0, int(chance.integers(0, 3)), int(chance.integers(0, 2)))]
    for _ in range(4):
        wide, high = int(chance.integers(1, width + 1)), int(chance.integers(1, height + 1))
        left, top = int(chance.integers(0, width - wide + 1)), int(chance.integers(0, height - high + 1))
        disposal, blend = int(chance.choice([KEEP, CLEAR, RESTORE])), int(chance.choice([REPLACE, OVER]))
        frames.append(Frame(samples(wide, high), left, top, disposal, blend))
    palette = chance.integers(0, 256, 3 * levels, np.uint8).tobytes() if kind == PALETTE else b""
    clear = {
        GRAY: struct.pack(">H", int(chance.integers(0, levels))),
        RGB: np.atleast_3d(frames[0].samples)[0, 0].astype(">u2").tobytes(),
        PALETTE: chance.choice(np.array([0, 255, 100], np.uint8), min(levels, 256)).tobytes(),
    }.get(kind, b"")
    _assert_played(shown, apng((width, height), frames, kind, bits, palette=palette, clear=clear), "png")


RED, GREEN = np.zeros((12, 16), np.int64), np.ones((5, 6), np.int64)
ROWS = np.repeat(np.arange(12)[:, np.newaxis] % 8, 16, axis=1)
ODD_GIFS = {
    **{
        f"disposal {disposal}": [
            gif_files.frame(RED),
            gif_files.frame(GREEN, 3, 2, disposal),
            gif_files.frame(GREEN, 9, 7),
        ]
        for disposal in range(8)
    },
    "first restored": [gif_files.frame(RED, disposal=3), gif_files.frame(GREEN, 3, 2)],
    "first is a part": [gif_files.frame(GREEN, 3, 2), gif_files.frame(GREEN, 9, 7)],
    "partly outside": [gif_files.frame(RED), gif_files.frame(GREEN, 13, 9)],
    "far outside": [gif_files.frame(RED), gif_files.frame(GREEN, 40, 40), gif_files.frame(GREEN, 3, 2)],
    "larger than the screen": [gif_files.frame(np.zeros((14, 20), np.int64)), gif_files.frame(GREEN, 3, 2)],
    "own palette": [gif_files.frame(RED), gif_files.frame(GREEN, 3, 2, palette=gif_files.COLOURS[12:])],
    "interlaced": [gif_files.frame(ROWS, is_interlaced=True)],
    "index beyond the palette": [
        gif_files.frame(RED),
        gif_files.frame(GREEN + 6, 3, 2, palette=gif_files.COLOURS[:12]),
    ],
    "transparent": [gif_files.frame(RED), gif_files.frame(ROWS, transparent=2), gif_files.frame(GREEN, 3, 2, 2)],
}


@pytest.mark.parametrize("background", [0, 200])
@pytest.mark.parametrize("name", ODD_GIFS)
def test_gif_of_any_disposal_and_place(shown: Shown, name: str, background: int) -> None:
    _assert_played(shown, gif_files.gif(16, 12, ODD_GIFS[name], background=background), "gif")


def test_gif_without_any_palette(shown: Shown) -> None:
    _assert_played(shown, gif_files.gif(16, 12, [gif_files.frame(RED + 1)], palette=b""), "gif")


_CHANCE = np.random.default_rng(5)
CODES: NDArray[np.uint32] = _CHANCE.integers(0, 1 << 32, (5, 9), dtype=np.uint64).astype(np.uint32)


def _codes(bits: int) -> NDArray[np.uint32]:
    """Pixels of so many bits."""
    return CODES & np.uint32((1 << bits) - 1)


COLOURS_4 = _CHANCE.integers(0, 256, 1024, np.uint8).tobytes()
MASKS_32 = {
    "8 of each": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "turned round": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "10 of each": (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000),
    "1 of each": (1 << 31, 1 << 30, 1 << 29, 1 << 28),
    "16, 8 and 8": (0xFFFF0000, 0xFF00, 0xFF, 0),
    "11 of each": (0xFFE00000, 0x1FFC00, 0x3FF, 0),
    "no red": (0, 0xFF00, 0xFF, 0),
}
MASKS_16 = {
    "565": (0xF800, 0x7E0, 0x1F, 0),
    "4444": (0xF00, 0xF0, 0xF, 0xF000),
    "1555": (0x7C00, 0x3E0, 0x1F, 0x8000),
    "332": (0xE0, 0x1C, 3, 0),
    "88": (0xFF00, 0xFF, 0, 0),
}


@pytest.mark.parametrize("header", [INFO, bmp_files.WITH_MASKS, bmp_files.WITH_ALPHA_MASK, V4, V5])
@pytest.mark.parametrize(("bits", "name"), [*((32, name) for name in MASKS_32), *((16, name) for name in MASKS_16)])
def test_bmp_fields_of_any_width(shown: Shown, header: int, bits: int, name: str) -> None:
    masks = (MASKS_32 if bits == 32 else MASKS_16)[name]
    data = packed_rows(_codes(bits), bits)
    told = masks[:3] if header == INFO else masks
    _assert_still(shown, bmp((9, 5), bits, data, header=header, packing=FIELDS, masks=told), "bmp")
    if header == INFO:
        _assert_still(shown, bmp((9, 5), bits, data, packing=bmp_files.ALPHA_FIELDS, masks=masks), "bmp")


@pytest.mark.parametrize("is_top_down", [False, True])
@pytest.mark.parametrize("header", [INFO, 64, V4, V5])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 24, 32])
def test_bmp_of_every_depth(shown: Shown, header: int, bits: int, is_top_down: bool) -> None:
    data = packed_rows(_codes(bits), bits)
    palette = COLOURS_4[: 4 << bits] if bits <= 8 else b""
    _assert_still(shown, bmp((9, 5), bits, data, header=header, palette=palette, is_top_down=is_top_down), "bmp")


_ROWS_8 = b"".join(bytes([9, index + 1]) + b"\0\0" for index in range(5))
RUNS = {
    "whole": (RLE8, _ROWS_8 + b"\0\1"),
    "without an end": (RLE8, _ROWS_8),
    "ended early": (RLE8, _ROWS_8[:8] + b"\0\1"),
    "side by side": (RLE8, b"\0\5\1\2\3\4\5\0\4\7" + _ROWS_8[2:] + b"\0\1"),
    "moved": (RLE8, b"\3\1\0\2\2\1\3\5\0\2\0\1\2\7\0\1"),
    "over the edge": (RLE8, b"\x0f\1" + _ROWS_8[2:] + b"\0\1"),
    "of 4 bits": (RLE4, b"".join(bytes([9, 0x12 + row]) + b"\0\0" for row in range(5)) + b"\0\1"),
    "of 4 bits, side by side": (RLE4, b"\0\3\x12\x34\4\x67\0\0\0\1"),
}


@pytest.mark.parametrize("name", RUNS)
def test_bmp_of_run_lengths(shown: Shown, name: str) -> None:
    packing, data = RUNS[name]
    bits = 8 if packing == RLE8 else 4
    _assert_still(shown, bmp((9, 5), bits, data, packing=packing, palette=COLOURS_4[: 4 << bits]), "bmp")


def test_bmp_with_a_profile(shown: Shown) -> None:
    data = packed_rows(_codes(24), 24)
    profile = matrix_profile(P3, None)
    _assert_still(shown, bmp((9, 5), 24, data, header=V5, space=0x4D424544, profile=profile), "bmp")


def _exif(orientation: int, kind: int = 3, count: int = 1) -> bytes:
    value = struct.pack(">H", orientation) + b"\0\0" if kind == 3 else struct.pack(">I", orientation)
    return b"MM\0*" + struct.pack(">IHHHI", 8, 1, 0x0112, kind, count) + value + bytes(4)


def _app1(data: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


EXIF_SEGMENTS = {
    "plain": _app1(b"Exif\0\0" + _exif(6)),
    "padded otherwise": _app1(b"Exif\0\xff" + _exif(6)),
    "behind an empty one": _app1(b"Exif\0\0") + _app1(b"Exif\0\0" + _exif(6)),
    "behind a broken one": _app1(b"Exif\0\0garbage garbage") + _app1(b"Exif\0\0" + _exif(6)),
    "behind one that says upright": _app1(b"Exif\0\0" + _exif(1)) + _app1(b"Exif\0\0" + _exif(6)),
    "before one that says otherwise": _app1(b"Exif\0\0" + _exif(6)) + _app1(b"Exif\0\0" + _exif(3)),
    "of 32 bits": _app1(b"Exif\0\0" + _exif(6, kind=4)),
    "two values": _app1(b"Exif\0\0" + _exif(6, count=2)),
    "behind XMP": _app1(b"http://ns.adobe.com/xap/1.0/\0<x/>") + _app1(b"Exif\0\0" + _exif(6)),
}


@pytest.mark.parametrize("name", EXIF_SEGMENTS)
def test_jpeg_is_turned(shown: Shown, name: str) -> None:
    plain = encoded(gradient(24, 16), "JPEG", subsampling=0)
    _assert_still(shown, plain[:20] + EXIF_SEGMENTS[name] + plain[20:], "jpeg", tolerance=4)


@pytest.mark.parametrize(
    "places",
    [
        {"before": chunk(b"eXIf", _exif(6))},
        {"after": chunk(b"eXIf", _exif(6))},
        {"before": chunk(b"eXIf", b"Exif\0\0" + _exif(6))},
        {"before": with_wrong_checksum(chunk(b"eXIf", _exif(6)))},
        {"before": chunk(b"eXIf", _exif(1)) + chunk(b"eXIf", _exif(6))},
    ],
)
def test_png_is_turned(shown: Shown, places: dict[str, bytes]) -> None:
    _assert_still(shown, png(CUBE[:, :20], before=places.get("before", b""), after=places.get("after", b"")), "png")


def test_gray_jpeg_with_an_rgb_profile(shown: Shown) -> None:
    gray = encoded(gradient(64, 64).convert("L"), "JPEG", icc_profile=matrix_profile(GBR, 1.8))
    _assert_still(shown, gray, "jpeg", tolerance=3)


def test_pngs_whose_damage_costs_no_pixel(shown: Shown) -> None:
    stream = deflated(CUBE)
    for pixels, end in (
        (with_wrong_checksum(chunk(b"IDAT", stream)), None),
        (chunk(b"IDAT", stream[:-1] + bytes([stream[-1] ^ 1])), None),
        (chunk(b"IDAT", stream), b""),
        (chunk(b"IDAT", stream)[:-2], b""),
    ):
        _assert_still(shown, png(CUBE, pixels=pixels, end=end), "png")
