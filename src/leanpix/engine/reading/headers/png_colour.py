"""What a PNG says about its colours, by the chunk that ranks highest: cICP, iCCP, sRGB, then gAMA with cHRM.

A chunk that browsers do not follow (cICP of a narrow range or of an unknown number, a broken profile, a gamma of zero)
gives way to the next.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from leanpix.engine.colour.code_points import CURVES, HLG, PQ, PRIMARIES
from leanpix.engine.colour.hdr import DEFAULT_PEAK_NITS, HighRange
from leanpix.engine.colour.made_profile import SRGB_PRIMARIES, Curve, Primaries, matrix_profile
from leanpix.engine.facts import Limits
from leanpix.engine.reading.headers.png_chunks import carried_profile, chunks, first_chunks

COLOUR_CHUNKS = (b"cICP", b"mDCV", b"cLLI", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_RANKED = {b"cICP": "colour tag", b"iCCP": "colour profile", b"sRGB": "sRGB tag", b"gAMA": "gamma"}
_SRGB_GAMMA = 0.45455
_NEAR = 0.05
_PRIMARIES_CHECKED = 0.002
_MAX_GAMMA = 20.0
_RGB = 0
_FULL_RANGE = 1
_LUMINANCE_STEP_NITS = 0.0001
_PROFILE_SIGNATURE = slice(36, 40)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the colours are. names: the chunks that say so, those that any other reader needs too.

    profile: an ICC profile that the file carries. high_range: PQ or HLG. Neither: primaries and curve.
    """

    names: tuple[bytes, ...] = ()
    profile: bytes | None = None
    high_range: HighRange | None = None
    primaries: Primaries = SRGB_PRIMARIES
    curve: Curve = None

    @property
    def is_srgb(self) -> bool:
        """Whether the samples are sRGB as they are."""
        return self.profile is None and self.high_range is None and self._is_plain

    @property
    def _is_plain(self) -> bool:
        return (self.primaries, self.curve) == (SRGB_PRIMARIES, None)

    def icc_profile(self) -> bytes | None:
        """The profile that the file carries, or one made of its other chunks; None for sRGB and for a high range."""
        if self.profile is not None or self.high_range is not None or self._is_plain:
            return self.profile
        return matrix_profile(self.primaries, self.curve)


def meaning(source: bytes, limits: Limits) -> Meaning:
    """What counts of all that the PNG says about its colours."""
    found = first_chunks(source, *COLOUR_CHUNKS)
    return _coded(found) or _carried(found, limits) or _by_name(found) or _by_gamma(found) or Meaning()


def ignored(source: bytes, meant: Meaning) -> str | None:
    """Which colours the PNG says and browsers do not follow, in words; None where they follow what ranks highest."""
    names = {chunk.name for chunk in chunks(source)}
    for name, what in _RANKED.items():
        if name in meant.names:
            return None
        if name in names:
            return f"{what} ignored, as browsers do: it is broken, of an unknown kind or comes too late"
    return None


def _coded(found: Mapping[bytes, bytes]) -> Meaning | None:
    """By the numbers of cICP where they are those of full-range RGB."""
    numbers = found.get(b"cICP", b"")
    if len(numbers) != 4 or numbers[2] != _RGB or numbers[3] != _FULL_RANGE:  # noqa: PLR2004 - four bytes, by the text
        return None
    primaries, transfer = PRIMARIES.get(numbers[0]), numbers[1]
    if primaries is None:
        return None
    if transfer in {PQ, HLG}:
        names = tuple(name for name in (b"cICP", b"mDCV", b"cLLI") if name in found)
        return Meaning(names, high_range=HighRange(primaries, transfer == PQ, _peak_nits(found)))
    return Meaning((b"cICP",), primaries=primaries, curve=CURVES[transfer]) if transfer in CURVES else None


def _peak_nits(found: Mapping[bytes, bytes]) -> float:
    """The brightest there is: of the content, else of the display that it was made on."""
    light, display = found.get(b"cLLI", b""), found.get(b"mDCV", b"")
    if len(light) == 8 and (peak := int.from_bytes(light[:4])):  # noqa: PLR2004 - two 32-bit numbers
        return peak * _LUMINANCE_STEP_NITS
    if len(display) == 24 and (peak := int.from_bytes(display[16:20])):  # noqa: PLR2004 - 8 of 16 bits, 2 of 32
        return peak * _LUMINANCE_STEP_NITS
    return DEFAULT_PEAK_NITS


def _carried(found: Mapping[bytes, bytes], limits: Limits) -> Meaning | None:
    profile = carried_profile(found[b"iCCP"], limits) if b"iCCP" in found else None
    if profile is None or profile[_PROFILE_SIGNATURE] != b"acsp":
        return None
    return Meaning((b"iCCP",), profile=profile)


def _by_name(found: Mapping[bytes, bytes]) -> Meaning | None:
    return Meaning((b"sRGB",)) if len(found.get(b"sRGB", b"")) == 1 else None


def _by_gamma(found: Mapping[bytes, bytes]) -> Meaning | None:
    if len(found.get(b"gAMA", b"")) != 4:  # noqa: PLR2004 - one 32-bit number
        return None
    gamma = struct.unpack(">I", found[b"gAMA"])[0] / 100_000
    if not 1 / _MAX_GAMMA <= gamma <= _MAX_GAMMA:
        return None
    primaries = _primaries(found.get(b"cHRM", b""))
    if primaries is None:
        # Browsers take a gamma near sRGB's for sRGB's curve where nothing else is said.
        is_near = abs(gamma / _SRGB_GAMMA - 1) < _NEAR
        return Meaning((b"gAMA",), curve=None if is_near else 1 / gamma)
    return Meaning((b"gAMA", b"cHRM"), primaries=primaries, curve=1 / gamma) if primaries.is_usable else None


def _primaries(data: bytes) -> Primaries | None:
    """cHRM's, sRGB's where they are but rounded; None where there are none."""
    if len(data) != 32:  # noqa: PLR2004 - eight 32-bit numbers
        return None
    numbers = [value / 100_000 for value in struct.unpack(">8I", data)]
    told = Primaries(*zip(numbers[::2], numbers[1::2], strict=True))
    is_near = all(abs(a - b) < _PRIMARIES_CHECKED for a, b in zip(told.flat(), SRGB_PRIMARIES.flat(), strict=True))
    return SRGB_PRIMARIES if is_near else told
