"""What a picture looks like when it is read another way: by Pillow and LittleCMS, and by formulas written here."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

_SRGB_GAMMA = 0.45455


def reference(source: bytes) -> NDArray[np.int16]:
    """The upright first picture as sRGB with alpha, (rows, columns, 4)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged metadata, which is not what is compared
        with Image.open(io.BytesIO(source)) as opened:
            opened.load()
            picture = opened if opened.format == "TIFF" else ImageOps.exif_transpose(opened)
            info = dict(opened.info)
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in info else "RGB")
    alpha = picture.getchannel("A") if picture.mode in {"LA", "RGBA"} else Image.new("L", picture.size, 255)
    colour = in_srgb(picture.convert({"LA": "L", "RGBA": "RGB", "1": "L"}.get(picture.mode, picture.mode)), info)
    return np.dstack([colour, np.asarray(alpha)]).astype(np.int16)


def in_srgb(picture: Image.Image, info: dict[str | tuple[int, int], object]) -> NDArray[np.uint8]:
    """Colours by the ICC profile, by Lab under D50, or by PNG's gamma; else as they are."""
    profile = info.get("icc_profile")
    if picture.mode == "LAB":
        return _by_profile(picture, ImageCms.createProfile("LAB"))
    if isinstance(profile, bytes):
        try:
            return _by_profile(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (OSError, ImageCms.PyCMSError):
            pass
    gamma = info.get("gamma")
    colour = np.asarray(picture.convert("RGB"))
    has_primaries = "chromaticity" in info
    is_near = not has_primaries and abs(gamma - _SRGB_GAMMA) < 0.05 * _SRGB_GAMMA if isinstance(gamma, float) else True
    if isinstance(gamma, float) and "srgb" not in info and not is_near:
        return _by_gamma(colour, gamma)
    return colour


def _by_profile(picture: Image.Image, profile: object) -> NDArray[np.uint8]:
    transform = ImageCms.buildTransform(
        profile,  # type: ignore[arg-type] # Pillow names only one of the two kinds it takes
        ImageCms.createProfile("sRGB"),
        picture.mode,
        "RGB",
        renderingIntent=ImageCms.Intent.PERCEPTUAL,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None
    return np.asarray(converted)


def _by_gamma(colour: NDArray[np.uint8], gamma: float) -> NDArray[np.uint8]:
    light = (colour / 255.0) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    rounded: NDArray[np.uint8] = np.round(encoded * 255).astype(np.uint8)
    return rounded
