"""What a PNG says about its colours, by the chunk that ranks highest: cICP, iCCP, sRGB, then gAMA with cHRM."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from leanpix.engine.colour.made_profile import SRGB_PRIMARIES, Curve, Primaries, gray_profile, matrix_profile
from leanpix.engine.facts import Limits
from leanpix.engine.reading.headers.png_chunks import carried_profile, first_chunks

COLOUR_CHUNKS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_SRGB_GAMMA = 0.45455
_NEAR = 0.03
_PRIMARIES_CHECKED = 0.002
_D65 = (0.3127, 0.3290)
_CODED_PRIMARIES: Mapping[int, Primaries] = {
    1: SRGB_PRIMARIES,
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_CODED_CURVES: Mapping[int, Curve] = {1: None, 4: 2.2, 5: 2.8, 6: None, 8: 1.0, 13: None, 14: None, 15: None}
_MAX_GAMMA = 20.0


def declares(source: bytes) -> bool:
    """Whether the colours are said to be other than sRGB."""
    found = first_chunks(source, *COLOUR_CHUNKS)
    return b"iCCP" in found or _made(found, is_gray=False) is not None


def profile(source: bytes, limits: Limits, *, is_gray: bool) -> bytes | None:
    """The ICC profile that the PNG carries, or one made of its other chunks; None for sRGB and for broken ones."""
    found = first_chunks(source, *COLOUR_CHUNKS)
    if b"iCCP" in found and _coded(found.get(b"cICP", b"")) is None:
        return carried_profile(found[b"iCCP"], limits)
    return _made(found, is_gray=is_gray)


def _made(found: Mapping[bytes, bytes], *, is_gray: bool) -> bytes | None:
    meaning = _coded(found.get(b"cICP", b"")) or _by_gamma(found)
    if meaning is None or meaning == (SRGB_PRIMARIES, None):
        return None
    primaries, curve = meaning
    return gray_profile(curve) if is_gray else matrix_profile(primaries, curve)


def _coded(data: bytes) -> tuple[Primaries, Curve] | None:
    """The numbers of cICP where they are those of a display's RGB; PQ and HLG are not."""
    if len(data) < 4 or data[2] or data[0] not in _CODED_PRIMARIES or data[1] not in _CODED_CURVES:  # noqa: PLR2004
        return None
    return _CODED_PRIMARIES[data[0]], _CODED_CURVES[data[1]]


def _by_gamma(found: Mapping[bytes, bytes]) -> tuple[Primaries, Curve] | None:
    if b"sRGB" in found or len(found.get(b"gAMA", b"")) != 4:  # noqa: PLR2004 - one 32-bit number
        return None
    gamma = struct.unpack(">I", found[b"gAMA"])[0] / 100_000
    if not 1 / _MAX_GAMMA <= gamma <= _MAX_GAMMA:
        return None
    curve = None if abs(gamma - _SRGB_GAMMA) < _NEAR * _SRGB_GAMMA else 1 / gamma
    return _primaries(found.get(b"cHRM", b"")), curve


def _primaries(data: bytes) -> Primaries:
    """cHRM's, or sRGB's where there is none, where it is sRGB's but for rounding, or where it is no triangle."""
    if len(data) != 32:  # noqa: PLR2004 - eight 32-bit numbers
        return SRGB_PRIMARIES
    numbers = [value / 100_000 for value in struct.unpack(">8I", data)]
    told = Primaries(*zip(numbers[::2], numbers[1::2], strict=True))
    is_near = all(abs(a - b) < _PRIMARIES_CHECKED for a, b in zip(told.flat(), SRGB_PRIMARIES.flat(), strict=True))
    return SRGB_PRIMARIES if is_near or not told.is_usable else told
