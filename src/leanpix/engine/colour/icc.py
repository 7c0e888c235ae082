"""ICC profiles: whether one can be used, whether it is sRGB all the same, and the conversion by LittleCMS."""

from __future__ import annotations

import struct

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
_MAX_TAGS, _TAG_BYTES = 100, 12
_WAYS = (
    frozenset({b"A2B0"}),
    frozenset({b"A2B1"}),
    frozenset({b"kTRC"}),
    frozenset({b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"}),
)
"""The sets of tags of which one is enough to convert by."""
_CUBE_STEPS = 9
_SAME_TO_THE_EYE = 2
"""8-bit steps by which a profile may differ from sRGB over the whole cube and still be taken for it."""


def fits(profile: bytes, image: pyvips.Image) -> bool:
    """Whether the profile is sound and of the image's kind, tried on one pixel."""
    kinds = _SPACES.get(profile[_SPACE], frozenset())
    if image.interpretation not in kinds or not _is_whole(profile):
        return False
    sample = pyvips.Image.black(1, 1, bands=image.bands).cast(image.format)
    try:
        convert(sample.copy(interpretation=image.interpretation), profile).avg()
    except pyvips.Error:
        return False
    return True


def _is_whole(profile: bytes) -> bool:
    """Whether the profile is as long as it says, with all of its tags inside.

    libvips would put its own profile in the place of one that LittleCMS refuses, without a word.
    """
    if len(profile) < _HEADER_BYTES + 4 or profile[_SIGNATURE] != b"acsp":
        return False
    size, count = (int.from_bytes(profile[at : at + 4]) for at in (0, _HEADER_BYTES))
    if size > len(profile) or count > _MAX_TAGS or _HEADER_BYTES + 4 + _TAG_BYTES * count > size:
        return False
    tags = [struct.unpack_from(">4sII", profile, _HEADER_BYTES + 4 + _TAG_BYTES * number) for number in range(count)]
    names = {name for name, _, _ in tags}
    return all(start + length <= size for _, start, length in tags) and any(way <= names for way in _WAYS)


def is_rgb(profile: bytes) -> bool:
    """Whether the profile is one of an RGB device."""
    return profile[_SPACE] == b"RGB "


def is_srgb(profile: bytes) -> bool:
    """Whether converting would change nothing that can be seen, tried on a cube of colours."""
    cube = colour_cube()
    return is_rgb(profile) and bool((convert(cube, profile) - cube).abs().max() <= _SAME_TO_THE_EYE)


def keeps_gray(profile: bytes) -> bool:
    """Whether an RGB profile's gray is gray in sRGB too."""
    levels = pyvips.Image.identity()
    ramp = convert(levels.bandjoin([levels, levels]).copy(interpretation="srgb"), profile)
    return bool((ramp - ramp[1]).abs().max() <= _SAME_TO_THE_EYE)


def convert(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    """To 8-bit sRGB, perceptual intent with black point compensation; alpha is carried along."""
    return _tagged(image, profile).icc_transform(
        "srgb", embedded=True, intent="perceptual", black_point_compensation=True, depth=8
    )


def from_lab(image: pyvips.Image) -> pyvips.Image:
    """From CIE Lab under D50, which is what files hold, to 8-bit sRGB."""
    return image.icc_export(output_profile="srgb", intent="perceptual", pcs="lab", depth=8)


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
