"""Colours of any kind to what results are made of: 8-bit sRGB or gray, with or without alpha."""

from __future__ import annotations

from dataclasses import dataclass

import pyvips

from leanpix.engine.colour import gamut, hdr, icc
from leanpix.engine.colour.hdr import HighRange
from leanpix.engine.colour.made_profile import rgb_twin

_GRAYS = frozenset({"b-w", "grey16"})
_GRAY_BANDS, _INKS = 2, 4
_LINEAR = "scrgb"
_MAX_SAMPLE, _MAX_DEEP_SAMPLE = 255, 65535
_IGNORED = "colour profile ignored: it is broken or does not fit"
_CONVERTED = "colours converted to sRGB"
_TONE_MAPPED = "tone-mapped to sRGB as browsers show it on an ordinary screen"
_KEPT = "wide-gamut colour profile kept: sRGB would clip colours visibly"


@dataclass(frozen=True, slots=True)
class Coloured:
    """An image in 8-bit sRGB or gray; profile is set where a wide-gamut one was kept instead.

    says_srgb: the source has a profile, and what it says is what the samples mean without it.
    """

    image: pyvips.Image
    profile: bytes | None = None
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    says_srgb: bool = False


def to_srgb(image: pyvips.Image, profile: bytes | None, *, may_keep: bool = True) -> Coloured:
    """Convert by the picture's own profile where it has a sound one, else by what its samples are.

    A wide-gamut profile stays with the pixels where it may, and converting would clip visibly. To know, the pixels
    are held in memory; all else stays lazy.
    """
    if profile is None:
        return Coloured(_without_profile(image))
    encoded = _encoded(image)
    if encoded.interpretation in _GRAYS:
        return _gray_by_profile(encoded, profile)
    if not icc.fits(profile, encoded):
        return Coloured(_without_profile(image), warnings=(_IGNORED,))
    if icc.is_srgb(profile):
        return Coloured(_without_profile(encoded), says_srgb=True)
    if may_keep and gamut.may_exceed_srgb(profile):
        encoded = encoded.copy_memory()
        if gamut.would_clip(encoded, profile):
            return Coloured(_without_profile(encoded), profile, changes=(_KEPT,))
    return Coloured(icc.convert(encoded, profile), changes=(_CONVERTED,))


def to_sdr(image: pyvips.Image, meant: HighRange) -> Coloured:
    """Bring PQ or HLG into the range of an ordinary screen; no result keeps it, so that is told."""
    image = image if image.format in {"uchar", "ushort"} else image.cast("ushort")
    shown = hdr.to_sdr(image.numpy().reshape(image.height, image.width, image.bands), meant)
    plain = pyvips.Image.new_from_memory(shown.data, image.width, image.height, image.bands, "uchar")
    plain = plain.copy(interpretation="b-w" if image.bands <= _GRAY_BANDS else "srgb")
    name = "PQ" if meant.is_pq else "HLG"
    warnings = (f"high dynamic range dropped: {name} was {_TONE_MAPPED}",)
    return Coloured(plain, changes=(_CONVERTED,), warnings=warnings)


def _encoded(image: pyvips.Image) -> pyvips.Image:
    """Samples of floating point as the 16-bit numbers that a profile speaks of."""
    if image.format != "float" or image.interpretation == "lab":
        return image
    kind = "grey16" if image.bands <= _GRAY_BANDS else "rgb16"
    return (image * _MAX_DEEP_SAMPLE).cast("ushort").copy(interpretation=kind)


def _without_profile(image: pyvips.Image) -> pyvips.Image:
    if image.interpretation == "cmyk":
        return _uncalibrated_cmyk(image)
    if image.interpretation == "lab":
        return icc.from_lab(image)
    if image.format == "float" and image.bands <= _GRAY_BANDS:
        return _one_band(_linear_gray(image).colourspace("srgb").cast("uchar"))
    wanted = "b-w" if image.interpretation in _GRAYS else "srgb"
    if image.interpretation != wanted:
        image = image.colourspace(wanted)
    return image if image.format == "uchar" else image.cast("uchar")


def _linear_gray(image: pyvips.Image) -> pyvips.Image:
    """Gray light as the three equal primaries."""
    light = image.extract_band(0)
    return light.bandjoin([light, light, *image.bandsplit()[1:]]).copy(interpretation=_LINEAR)


def _uncalibrated_cmyk(image: pyvips.Image) -> pyvips.Image:
    """What browsers make of CMYK without a profile: R is what cyan and black leave of white, and so on."""
    if image.format == "ushort":
        image = (image >> 8).cast("uchar")
    paper = image.extract_band(0, n=_INKS).invert()
    product = paper.extract_band(0, n=3) * paper.extract_band(3) / _MAX_SAMPLE
    product = product.bandjoin(image.extract_band(_INKS)) if image.bands > _INKS else product
    return product.rint().cast("uchar").copy(interpretation="srgb")


def _gray_by_profile(gray: pyvips.Image, profile: bytes) -> Coloured:
    """Gray by its own profile, or by an RGB device's, whose gray it is to browsers; it stays gray where it can."""
    if icc.fits(profile, gray):
        twin = rgb_twin(profile)
        if twin is None:
            return Coloured(_one_band(icc.convert(gray, profile)), changes=(_CONVERTED,))
        profile = twin
    level = gray.extract_band(0)
    kind = "rgb16" if gray.format == "ushort" else "srgb"
    coloured = level.bandjoin([level, level, *gray.bandsplit()[1:]]).copy(interpretation=kind)
    if not icc.fits(profile, coloured):
        return Coloured(_without_profile(gray), warnings=(_IGNORED,))
    if icc.is_srgb(profile):
        return Coloured(_without_profile(gray), says_srgb=True)
    converted = icc.convert(coloured, profile)
    if icc.keeps_gray(profile):
        converted = _one_band(converted)
    return Coloured(converted, changes=(_CONVERTED,))


def _one_band(image: pyvips.Image) -> pyvips.Image:
    """RGB whose samples are the same as gray, alpha kept."""
    gray = image.extract_band(1)
    gray = gray.bandjoin(image.extract_band(3)) if image.hasalpha() else gray
    return gray.copy(interpretation="b-w")
