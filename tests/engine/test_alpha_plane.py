"""The alpha of large WebP pictures, coded beside libwebp: exact, small, and read by everybody."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import drawing, photo

from leanpix.engine.budget import Effort
from leanpix.engine.codecs.base import Goal, Raster
from leanpix.engine.codecs.webp import codec as webp
from leanpix.engine.codecs.webp.libwebp import encode_libwebp, libwebp_backend
from leanpix.engine.codecs.webp.libwebp_native import LossySettings
from leanpix.engine.codecs.webp.lossless.alpha_native import NativePlanes, native_planes
from leanpix.engine.codecs.webp.lossless.alpha_plane import AlphaPlanes, encode_alpha
from leanpix.engine.codecs.webp.riff import with_alpha

Plane = NDArray[np.uint8]
COLOUR = LossySettings(80, 2, None, sharp_chroma=False)
pytestmark = pytest.mark.skipif(
    not libwebp_backend().startswith("native"), reason="Pillow's own libwebp is out of reach here"
)


@pytest.fixture(scope="module")
def kernel() -> NativePlanes:
    found = native_planes()
    if found is None:
        pytest.skip("the native library was not built")
    return found


def read_back(alpha: Plane, payload: bytes) -> Plane:
    """What two readers make of it, the libraries of Pillow and of libvips, which have to agree."""
    rows, width = alpha.shape
    file = with_alpha(encode_libwebp(np.zeros((rows, width, 3), np.uint8), COLOUR), payload, width, rows)
    seen = np.asarray(Image.open(io.BytesIO(file), formats=("WEBP",)).convert("RGBA"))[:, :, 3]
    image = pyvips.Image.webpload_buffer(file)
    assert np.array_equal(seen, image[3].numpy().reshape(rows, width) if image.hasalpha() else np.full_like(seen, 255))
    return seen


def soft_disc(side: int) -> Plane:
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    disc: Plane = np.clip((0.8 - np.hypot(rows, columns)) * side / 4, 0, 255).astype(np.uint8)
    return disc


@pytest.mark.parametrize("values", [1, 2, 3, 4, 5, 16, 17, 200, 256])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (37, 41), (600, 13)])
def test_noise_of_any_number_of_values_is_kept_exactly(
    kernel: NativePlanes, values: int, shape: tuple[int, int]
) -> None:
    alpha = np.random.default_rng(values).integers(256 - values, 256, shape, np.uint8)
    assert np.array_equal(read_back(alpha, encode_alpha(alpha.copy(), 100, kernel)), alpha)


def test_what_repeats_near_and_far_is_kept_exactly(kernel: NativePlanes) -> None:
    grain = np.random.default_rng(1).integers(0, 256, (40, 900), np.uint8)
    far = np.concatenate([grain, np.zeros((900, 900), np.uint8), grain, np.roll(grain, 5, axis=1)])
    pieces = [far, soft_disc(700), np.tile(soft_disc(80), (9, 9)), np.full((5000, 30), 7, np.uint8)]
    for alpha in pieces:
        payload = encode_alpha(alpha.copy(), 100, kernel)
        assert np.array_equal(read_back(alpha, payload), alpha)
    assert len(encode_alpha(far.copy(), 100, kernel)) < 1.1 * grain.size


def test_fewer_levels_keep_the_ends_and_stay_near(kernel: NativePlanes) -> None:
    alpha = soft_disc(500)
    exact, reduced = (encode_alpha(alpha.copy(), quality, kernel) for quality in (100, 60))
    seen = read_back(alpha, reduced)
    assert len(np.unique(seen)) <= 14
    assert (seen.min(), seen.max()) == (alpha.min(), alpha.max())
    assert np.abs(seen.astype(int) - alpha).max() <= 16
    assert len(reduced) < len(exact)


def test_it_takes_no_more_bytes_than_libwebps_own_at_the_same_quality(kernel: NativePlanes) -> None:
    for alpha in (soft_disc(800), np.tile(soft_disc(100), (8, 8))):
        pixels = np.dstack([np.zeros((*alpha.shape, 3), np.uint8), alpha])
        own = len(chunks(encode_libwebp(pixels, replace(COLOUR, alpha_quality=80)))[b"ALPH"])
        assert len(encode_alpha(alpha.copy(), 80, kernel)) < 1.05 * own


@pytest.mark.parametrize("bands", [2, 4])
def test_colour_is_coded_as_with_libwebps_own_alpha(bands: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.dstack([photo(), soft_disc(320)[:240]])
    raster = Raster(np.ascontiguousarray(pixels if bands == 4 else pixels[:, :, [0, 3]]))
    files = []
    for limit in (10**9, 0):
        monkeypatch.setattr(webp, "LARGE_WEBP_PIXELS", limit)
        files.append(webp.WebpCodec().open(raster, Effort.MINIMAL, Goal(quality=80)).encode(80).data)
    one, other = map(chunks, files)
    assert one[b"VP8 "] == other[b"VP8 "]
    assert one[b"VP8X"] == other[b"VP8X"]
    alphas = [np.asarray(Image.open(io.BytesIO(file)))[:, :, 3].astype(int) for file in files]
    assert np.abs(alphas[0] - alphas[1]).max() <= 4


def test_each_quality_is_coded_once_and_parts_have_their_own() -> None:
    raster = Raster(drawing(bands=4))
    kernel = native_planes()
    if kernel is None:
        pytest.skip("the native library was not built")
    encoder = replace(webp.WebpCodec().open(raster, Effort.MINIMAL, Goal(quality=80)), alphas=AlphaPlanes(kernel))
    part = encoder.on(Raster(np.ascontiguousarray(raster.pixels[:50])))
    assert encoder.encode(80).data == encoder.encode(80).data
    assert Image.open(io.BytesIO(part.encode(80).data)).size == (raster.width_px, 50)


def chunks(file: bytes) -> dict[bytes, bytes]:
    found, at = {}, 12
    while at < len(file):
        name, size = struct.unpack_from("<4sI", file, at)
        found[name] = file[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found
