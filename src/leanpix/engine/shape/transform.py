"""Pixels from as-stored to as-wanted: resized, upright, cropped or padded, flattened."""

from __future__ import annotations

import pyvips

from leanpix.engine.facts import TURNED_ORIENTATIONS
from leanpix.engine.shape.geometry import Geometry

_WHITE = 255
_GRAY_ALPHA = 2
_TURNS = {3: "d180", 4: "d180", 5: "d90", 6: "d90", 7: "d270", 8: "d270"}
_MIRRORED = frozenset({2, 4, 5, 7})


def has_alpha(image: pyvips.Image) -> bool:
    """Whether the last band is alpha; the four bands of CMYK are ink."""
    return bool(image.hasalpha())


def resize(image: pyvips.Image, width_px: int, height_px: int) -> pyvips.Image:
    """Scale to exactly these sides, what is seen in its place and colours weighted by their alpha.

    A side that gets smaller goes by a Lanczos kernel, one that gets larger by a bicubic one.
    """
    if (image.width, image.height) == (width_px, height_px):
        return image
    if not has_alpha(image):
        return _enlarged(_reduced(image, width_px, height_px), width_px, height_px)
    weighted = _enlarged(_reduced(image.premultiply(), width_px, height_px), width_px, height_px)
    plain = weighted.unpremultiply()
    return plain.rint().cast(image.format) if image.format != "float" else plain


def _reduced(image: pyvips.Image, width_px: int, height_px: int) -> pyvips.Image:
    across, down = min(width_px / image.width, 1.0), min(height_px / image.height, 1.0)
    return image if across == down == 1.0 else image.resize(across, vscale=down, kernel="lanczos3")


def _enlarged(image: pyvips.Image, width_px: int, height_px: int) -> pyvips.Image:
    """Centres of pixels count: libvips' own resize, once a side grows, lays both sides half a pixel off."""
    if (image.width, image.height) == (width_px, height_px):
        return image
    return image.affine(
        [width_px / image.width, 0, 0, height_px / image.height],
        interpolate=pyvips.Interpolate.new("bicubic"),
        oarea=[0, 0, width_px, height_px],
        idx=0.5,
        idy=0.5,
        odx=-0.5,
        ody=-0.5,
        extend="copy",
        premultiplied=True,
    )


def to_upright(image: pyvips.Image, orientation: int) -> pyvips.Image:
    """Apply an EXIF orientation, once. The pixels must allow random access."""
    if orientation in _TURNS:
        image = image.rot(_TURNS[orientation])
    return image.fliphor() if orientation in _MIRRORED else image


def as_stored(geometry: Geometry, orientation: int) -> tuple[int, int]:
    """The scaled size before the orientation is applied."""
    wide, high = geometry.scaled_width_px, geometry.scaled_height_px
    return (high, wide) if orientation in TURNED_ORIENTATIONS else (wide, high)


def to_canvas(image: pyvips.Image, geometry: Geometry) -> pyvips.Image:
    """Crop what hangs over, pad what is missing: with nothing where there is alpha, else with white."""
    wide, high = geometry.width_px, geometry.height_px
    if geometry.crops:
        left, top = max(image.width - wide, 0) // 2, max(image.height - high, 0) // 2
        image = image.crop(left, top, min(image.width, wide), min(image.height, high))
    if geometry.pads:
        left, top = (wide - image.width) // 2, (high - image.height) // 2
        background = [0] * image.bands if has_alpha(image) else [_WHITE]
        image = image.embed(left, top, wide, high, extend="background", background=background)
    return image


def flatten(image: pyvips.Image, background: str) -> pyvips.Image:
    """Lay the picture on a colour of six hex digits."""
    if not has_alpha(image):
        return image
    colour = list(bytes.fromhex(background))
    if image.bands == _GRAY_ALPHA and len(set(colour)) > 1:
        gray, alpha = image.bandsplit()
        image = gray.bandjoin([gray, gray, alpha]).copy(interpretation="srgb")
    return image.flatten(background=colour[: image.bands - 1])
