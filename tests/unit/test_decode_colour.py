"""Colours of every kind come out as sRGB, as another reader or a formula says they should."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms
from tests.support.decoding import loaded, pixels_of
from tests.support.pictures import encoded, gradient
from tests.support.reference import reference

from leanpix.domain.formats import OutputFormat
from leanpix.engine.colour.made_profile import SRGB_PRIMARIES, Primaries, gray_profile, matrix_profile

P3 = Primaries((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
P3_TO_SRGB = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
GBR = Primaries((0.3127, 0.3290), (0.30, 0.60), (0.15, 0.06), (0.64, 0.33))
MUTED = Image.fromarray((np.asarray(gradient(64, 64)) // 4 + 90).astype(np.uint8))
LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def _with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    """The PNG with a chunk put right behind its header."""
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return png[:33] + chunk + png[33:]


def _gamma(value: float) -> bytes:
    return struct.pack(">I", round(value * 100_000))


def _encoded_light(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = np.clip(light, 0, 1)
    bent: NDArray[np.float64] = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return bent * 255


def _light(samples: NDArray[np.uint8]) -> NDArray[np.float64]:
    v = samples / 255
    bent: NDArray[np.float64] = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    return bent


def _colours(source: bytes) -> NDArray[np.int16]:
    return pixels_of(loaded(source))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("primaries", [P3, GBR])
def test_profile_is_converted_as_another_reader_does(kind: str, primaries: Primaries) -> None:
    options = LOSSLESS.get(kind, {"quality": 98, "subsampling": 0})
    source = encoded(MUTED, kind, icc_profile=matrix_profile(primaries, 1.8), **options)
    picture = loaded(source)
    assert picture.icc_profile is None
    assert np.abs(pixels_of(picture) - reference(source)[..., :3]).max() <= 2
    assert np.abs(pixels_of(picture) - np.asarray(MUTED, np.int16)).mean() > 5


def test_gray_with_a_profile_stays_gray() -> None:
    source = encoded(MUTED.convert("L"), "PNG", icc_profile=gray_profile(1.0))
    gray = _colours(source)
    assert gray.shape[2] == 1
    assert np.abs(gray[..., 0] - _encoded_light(np.asarray(MUTED.convert("L")) / 255)).max() <= 1.5


def test_profile_that_is_srgb_all_the_same_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (profile, matrix_profile(SRGB_PRIMARIES, None)):
        picture = loaded(encoded(gradient(64, 64), "PNG", icc_profile=icc))
        assert picture.changes == ()
        assert (pixels_of(picture) == np.asarray(gradient(64, 64))).all()


def test_saturated_picture_keeps_its_wide_gamut_profile() -> None:
    saturated = Image.new("RGB", (64, 64), (0, 255, 0))
    profile = matrix_profile(P3, None)
    picture = loaded(encoded(saturated, "PNG", icc_profile=profile))
    assert picture.icc_profile == profile
    assert pixels_of(picture)[0, 0].tolist() == [0, 255, 0]


def test_a_wide_profile_of_linear_light_is_not_kept_for_8_bits_would_show_bands() -> None:
    saturated = Image.new("RGB", (64, 64), (0, 255, 0))
    picture = loaded(encoded(saturated, "PNG", icc_profile=matrix_profile(P3, 1.0)))
    assert picture.icc_profile is None
    assert pixels_of(picture)[0, 0].tolist() == [0, 255, 0]


def test_few_saturated_pixels_do_not_keep_the_profile() -> None:
    picture = gradient(64, 64).point(lambda value: value // 4 + 90)
    picture.paste((0, 255, 0), (0, 0, 5, 5))
    assert loaded(encoded(picture, "PNG", icc_profile=matrix_profile(P3, None))).icc_profile is None


@pytest.mark.parametrize("broken", [b"not a profile", bytes(200), matrix_profile(P3, None)[:150], gray_profile(1.0)])
def test_broken_or_unfit_profile_is_ignored_and_told(broken: bytes) -> None:
    picture = loaded(encoded(MUTED, "PNG", icc_profile=broken))
    assert (pixels_of(picture) == np.asarray(MUTED)).all()
    assert any("profile ignored" in warning for warning in picture.warnings)


@pytest.mark.parametrize("gamma", [0.35, 0.55, 1.0])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_gamma_of_a_png_is_applied(gamma: float, mode: str) -> None:
    picture = MUTED.convert(mode)
    source = _with_chunk(encoded(picture, "PNG"), b"gAMA", _gamma(gamma))
    expected = _encoded_light((np.asarray(picture) / 255) ** (1 / gamma)).reshape(64, 64, -1)
    assert np.abs(_colours(source) - expected).max() <= 2


def test_gamma_of_srgb_and_gamma_beside_an_srgb_chunk_change_nothing() -> None:
    plain = encoded(MUTED, "PNG")
    for source in (
        _with_chunk(plain, b"gAMA", _gamma(0.45455)),
        _with_chunk(_with_chunk(plain, b"gAMA", _gamma(1.0)), b"sRGB", b"\0"),
        _with_chunk(_with_chunk(plain, b"gAMA", _gamma(1.0)), b"cICP", bytes([1, 13, 0, 1])),
        _with_chunk(plain, b"gAMA", bytes(4)),
    ):
        assert (_colours(source) == np.asarray(MUTED)).all()


def test_primaries_of_a_png_are_converted() -> None:
    numbers = struct.pack(">8I", *(round(value * 100_000) for value in P3.flat()))
    by_chunk = _with_chunk(_with_chunk(encoded(MUTED, "PNG"), b"cHRM", numbers), b"gAMA", _gamma(0.45455))
    by_code = _with_chunk(encoded(MUTED, "PNG"), b"cICP", bytes([12, 13, 0, 1]))
    expected = _encoded_light(_light(np.asarray(MUTED)) @ P3_TO_SRGB.T)
    assert np.abs(_colours(by_chunk) - expected).max() <= 2
    assert np.abs(_colours(by_code) - expected).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_is_as_browsers_show_it(kind: str) -> None:
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[..., 0], ink[..., 2], ink[..., 3] = 200, 50, 30
    source = encoded(Image.fromarray(ink, "CMYK"), kind)
    expected = [(255 - 200) * 225 / 255, 225, (255 - 50) * 225 / 255]
    assert np.abs(_colours(source) - expected).max() <= 3


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("saver", ["pngsave_buffer", "tiffsave_buffer"])
def test_16_bits_become_8(bands: int, saver: str) -> None:
    deep = np.linspace(0, 65535, 64 * 64 * bands).reshape(64, 64, bands).astype(np.uint16)
    interpretation = "grey16" if bands < 3 else "rgb16"
    image = pyvips.Image.new_from_array(deep, interpretation=interpretation)
    pixels = _colours(getattr(image, saver)())
    assert np.abs(pixels - deep / 257).max() <= 1


def test_floating_point_is_linear_light() -> None:
    light = np.linspace(0, 1, 64 * 64 * 3).reshape(64, 64, 3).astype(np.float32)
    source = pyvips.Image.new_from_array(light, interpretation="scrgb").tiffsave_buffer()
    assert np.abs(_colours(source) - _encoded_light(light.astype(np.float64))).max() <= 1


def test_lab_is_converted() -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB", ImageCms.Intent.PERCEPTUAL
    )
    lab = ImageCms.applyTransform(MUTED, to_lab)
    assert lab is not None
    assert np.abs(_colours(encoded(lab, "TIFF")) - np.asarray(MUTED, np.int16)).max() <= 5


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    picture = gradient(64, 64).convert("1")
    assert (_colours(encoded(picture, kind))[..., 0] == np.asarray(picture.convert("L"))).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette_becomes_its_colours(kind: str) -> None:
    picture = gradient(64, 64).quantize(40)
    assert (_colours(encoded(picture, kind)) == np.asarray(picture.convert("RGB"))).all()


def test_transparent_palette_entry_is_alpha() -> None:
    picture = gradient(64, 64).quantize(4)
    pixels = _colours(encoded(picture, "PNG", transparency=0))
    assert ((pixels[..., 3] == 0) == (np.asarray(picture) == 0)).all()


@pytest.mark.parametrize("is_premultiplied", [False, True])
def test_alpha_of_a_tiff_is_straight_in_the_end(is_premultiplied: bool) -> None:
    image = pyvips.Image.new_from_array(np.asarray(MUTED)).bandjoin(128).copy(interpretation="srgb")
    pixels = _colours(image.tiffsave_buffer(premultiply=is_premultiplied))
    assert (pixels[..., 3] == 128).all()
    assert np.abs(pixels[..., :3] - np.asarray(MUTED, np.int16)).max() <= 2


def test_extra_sample_that_is_no_alpha_is_left_out() -> None:
    source = encoded(Image.merge("RGBX", (*MUTED.split(), MUTED.split()[0])), "TIFF")
    picture = loaded(source, target=OutputFormat.PNG)
    assert not picture.probe.has_alpha
    assert (pixels_of(picture) == np.asarray(MUTED)).all()


def test_profiles_made_here_are_read_by_littlecms() -> None:
    for profile, mode in ((matrix_profile(P3, 2.2), "RGB"), (gray_profile(1.0), "L")):
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        assert ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB").output_mode == "RGB"
