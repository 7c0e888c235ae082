"""Colours of every class against a third reader, where it is installed: ImageMagick, with LittleCMS of its own."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.support.corpus import corpus_file
from tests.support.decoding import loaded, rgba_of
from tests.support.pictures import encoded

PROGRAM = shutil.which("magick") or "/usr/bin/convert"
MEAN, P99 = 0.7, 2.0
"""8-bit steps. ImageMagick rounds where others cut, so half a step on average is the same picture."""

PICTURES = {
    "alpha of 16 bits": "c_K_basn6a16.png",
    "bits of one": "c_V_1bit.tif",
    "bits of five and six": "d_M_rgb16-565.bmp",
    "bits of sixteen with a profile": "c_F_IMG_9266_16b_rgb_le_interleaved.tif",
    "bits of sixteen, floating, linear and wide": "c_W_floatingpoint-16bit.tif",
    "BigTIFF": "d_P_hopper_bigtiff.tif",
    "CMYK": "c_gen_cmyk_lzw.tif",
    "CMYK, Adobe's inverted": "c_S_Channel_digital_image_CMYK_color_no_profile.jpg",
    "CMYK of a press": "c_S_Channel_digital_image_CMYK_color.jpg",
    "gray and alpha of 16 bits": "c_S_16-bit-grey-alpha.png",
    "gray of a press": "c_B_jpg-8bit-grey-icc-dot-gain.jpg",
    "orientation by EXIF": "d_S_Landscape_6.jpg",
    "orientation by EXIF, WebP": "d_P_hopper_orientation_5.webp",
    "palette": "c_K_tbbn3p08.png",
    "SGI": "d_P_hopper.sgi",
    "transparent colour of 16 bits": "c_S_tbgn2c16.png",
    "wide gamut, AdobeRGB": "c_gen_photo_adobergb.jpg",
    "wide gamut, ProPhoto": "c_gen_photo_prophoto.webp",
    "YCbCr in tiles": "d_P_tiff_tiled_ycbcr_jpeg_2x2_sampling.tif",
}

needs_program = pytest.mark.skipif(not Path(PROGRAM).is_file(), reason="ImageMagick is not installed")


def read_by_program(path: Path, srgb: Path) -> bytes:
    managed = ("-intent", "perceptual", "-black-point-compensation", "-profile", str(srgb))
    words = [PROGRAM, f"{path}[0]", "-auto-orient", *managed, "-depth", "8", "png32:-"]
    return subprocess.run(words, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def srgb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profiles") / "srgb.icc"
    path.write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return path


@needs_program
@pytest.mark.parametrize("kind", PICTURES)
def test_picture_looks_as_a_third_reader_shows_it(kind: str, srgb: Path) -> None:
    path = corpus_file(PICTURES[kind])
    ours = rgba_of(loaded(path.read_bytes()))
    theirs = np.asarray(Image.open(io.BytesIO(read_by_program(path, srgb))), np.int16)
    assert ours.shape == theirs.shape
    assert np.abs(ours[..., 3] - theirs[..., 3]).max() <= 1
    deltas = np.abs(ours[..., :3] - theirs[..., :3])[theirs[..., 3] > 0]
    assert deltas.mean() <= MEAN
    assert np.percentile(deltas, 99) <= P99


def test_the_darkest_that_a_press_prints_is_black() -> None:
    """Black point compensation: by relative intent without it, full ink is a dark gray of 32."""
    with Image.open(corpus_file("c_S_Channel_digital_image_CMYK_color.jpg")) as printed:
        profile = printed.info["icc_profile"]
    full_ink = encoded(Image.new("CMYK", (16, 16), (255, 255, 255, 255)), "TIFF", icc_profile=profile)
    assert rgba_of(loaded(full_ink))[..., :3].max() <= 2
    assert _without_compensation(profile) > 25


def _without_compensation(profile: bytes) -> int:
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        "CMYK",
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    shown = ImageCms.applyTransform(Image.new("CMYK", (1, 1), (255, 255, 255, 255)), transform)
    assert shown is not None
    return int(np.asarray(shown).min())
