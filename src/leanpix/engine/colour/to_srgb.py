"""Colours of any kind to what results are made of: 8-bit sRGB or gray, with or without alpha."""

from __future__ import annotations

from dataclasses import dataclass

import pyvips

from leanpix.engine.colour import gamut, icc

_GRAYS = frozenset({"b-w", "grey16"})
_LINEAR = "scrgb"
_MAX_SAMPLE, _MAX_DEEP_SAMPLE = 255, 65535
_IGNORED = "colour profile ignored: it is broken or does not fit"
_CONVERTED = "colours converted to sRGB"
_KEPT = "wide-gamut colour profile kept: sRGB would clip colours visibly"


@dataclass(frozen=True, slots=True)
class Coloured:
    """An image in 8-bit sRGB or gray; profile is set where a wide-gamut one was kept instead."""

    image: pyvips.Image
    profile: bytes | None = None
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def to_srgb(image: pyvips.Image, profile: bytes | None, *, may_keep: bool = True) -> Coloured:
    """Convert by the picture's own profile where it has a sound one, else by what its samples are.

    A wide-gamut profile stays with the pixels where it may, and converting would clip visibly. To know, the pixels
    are held in memory; all else stays lazy.
    """
    if profile is None:
        return Coloured(_without_profile(image))
    encoded = _encoded(image)
    if not icc.fits(profile, encoded):
        return Coloured(_without_profile(image), warnings=(_IGNORED,))
    if icc.is_srgb(profile):
        return Coloured(_without_profile(encoded))
    if may_keep and gamut.may_exceed_srgb(profile):
        encoded = encoded.copy_memory()
        if gamut.would_clip(encoded, profile):
            return Coloured(_without_profile(encoded), profile, changes=(_KEPT,))
    return Coloured(_by_profile(encoded, profile), changes=(_CONVERTED,))


def _encoded(image: pyvips.Image) -> pyvips.Image:
    """Samples of floating point as the 16-bit numbers that a profile speaks of."""
    if image.interpretation != _LINEAR:
        return image
    return (image * _MAX_DEEP_SAMPLE).cast("ushort").copy(interpretation="rgb16")


def _without_profile(image: pyvips.Image) -> pyvips.Image:
    if image.interpretation == "cmyk":
        return _uncalibrated_cmyk(image)
    if image.interpretation == "lab":
        return icc.from_lab(image)
    wanted = "b-w" if image.interpretation in _GRAYS else "srgb"
    if image.interpretation != wanted:
        image = image.colourspace(wanted)
    return image if image.format == "uchar" else image.cast("uchar")


def _uncalibrated_cmyk(image: pyvips.Image) -> pyvips.Image:
    """What browsers make of CMYK without a profile: R is what cyan and black leave of white, and so on."""
    if image.format == "ushort":
        image = (image >> 8).cast("uchar")
    paper = image.invert()
    product = paper.extract_band(0, n=3) * paper.extract_band(3) / _MAX_SAMPLE
    return product.rint().cast("uchar").copy(interpretation="srgb")


def _by_profile(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    converted = icc.convert(image, profile)
    if image.interpretation in _GRAYS:
        alpha = converted.extract_band(3) if converted.hasalpha() else None
        gray = converted.extract_band(1)
        converted = (gray.bandjoin(alpha) if alpha is not None else gray).copy(interpretation="b-w")
    return converted
