"""ICC profiles: whether one can be used, whether it is sRGB all the same, and the conversion by LittleCMS."""

from __future__ import annotations

import numpy as np
import pyvips

_SIGNATURE = slice(36, 40)
_SPACE = slice(16, 20)
_HEADER_BYTES = 128
_SPACES = {
    b"GRAY": frozenset({"b-w", "grey16"}),
    b"RGB ": frozenset({"srgb", "rgb", "rgb16"}),
    b"CMYK": frozenset({"cmyk"}),
}
_CUBE_STEPS = 9
_SAME_TO_THE_EYE = 2
"""8-bit steps by which a profile may differ from sRGB over the whole cube and still be taken for it."""


def fits(profile: bytes, image: pyvips.Image) -> bool:
    """Whether the profile is sound and of the image's kind, tried on one pixel."""
    kinds = _SPACES.get(profile[_SPACE], frozenset())
    if len(profile) < _HEADER_BYTES or profile[_SIGNATURE] != b"acsp" or image.interpretation not in kinds:
        return False
    sample = pyvips.Image.black(1, 1, bands=image.bands).cast(image.format)
    try:
        convert(sample.copy(interpretation=image.interpretation), profile).avg()
    except pyvips.Error:
        return False
    return True


def is_rgb(profile: bytes) -> bool:
    """Whether the profile is one of an RGB device."""
    return profile[_SPACE] == b"RGB "


def is_srgb(profile: bytes) -> bool:
    """Whether converting would change nothing that can be seen, tried on a cube of colours."""
    cube = colour_cube()
    return is_rgb(profile) and bool((convert(cube, profile) - cube).abs().max() <= _SAME_TO_THE_EYE)


def convert(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    """To 8-bit sRGB, perceptual intent with black point compensation; alpha is carried along."""
    return _tagged(image, profile).icc_transform(
        "srgb", embedded=True, intent="perceptual", black_point_compensation=True, depth=8
    )


def to_linear(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    """To linear light on sRGB's primaries, not clipped: what sRGB cannot show is below 0 or above 1."""
    return _tagged(image, profile).icc_import(embedded=True, intent="relative", pcs="xyz").colourspace("scrgb")


def colour_cube() -> pyvips.Image:
    """An 8-bit RGB image of colours evenly spread over their whole range."""
    steps = np.linspace(0, 255, _CUBE_STEPS).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    return pyvips.Image.new_from_array(colours, interpretation="srgb")


def _tagged(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    tagged = image.copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return tagged
