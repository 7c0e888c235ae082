"""The files that are known to be read wrong elsewhere, with what is right of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.decoding import loaded, rgba_of
from tests.support.shown import Shown

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.compress import compress

FAULTS = Path(__file__).parents[2].parent / "shared" / "faults"
if not FAULTS.is_dir():
    pytest.skip("the folder of faults does not lie beside the checkout", allow_module_level=True)
TYPES = {".png": "image/png", ".gif": "image/gif", ".bmp": "image/bmp", ".jpg": "image/jpeg"}
SHOWN = sorted(path.name for path in FAULTS.glob("*") if path.suffix in TYPES)
NOT_WHOLE_IN_CHROMIUM = {"noeoi.jpg"}
"""It leaves the last rows of a JPEG out where the end marker is missing; the decoder has them all."""


def _source(name: str) -> bytes:
    return (FAULTS / name).read_bytes()


@pytest.mark.parametrize("name", [name for name in SHOWN if name not in NOT_WHOLE_IN_CHROMIUM])
def test_result_looks_as_the_source_does_in_a_browser(shown: Shown, name: str) -> None:
    source = _source(name)
    result = compress(source, CompressionOptions(quality=100, format=OutputFormat.PNG))
    before = _still(shown, source, TYPES[Path(name).suffix])
    after = _still(shown, result.data, result.report.format.media_type)
    assert np.abs(before[..., 3].astype(int) - after[..., 3]).max() <= 2
    seen = before[..., 3] > 0
    assert np.abs(before[seen].astype(int) - after[seen]).max() <= 2


@pytest.mark.parametrize("name", [name for name in SHOWN if name.startswith(("apng", "gif"))])
def test_every_frame_is_what_a_browser_plays(shown: Shown, name: str) -> None:
    theirs = shown.frames(_source(name), TYPES[Path(name).suffix])
    assert theirs is not None
    picture = loaded(_source(name), target=OutputFormat.WEBP)
    assert picture.frames == len(theirs)
    for mine, his in zip(rgba_of(picture).reshape(-1, *theirs[0].shape), theirs, strict=True):
        assert (mine[..., 3] == his[..., 3]).all()
        seen = his[..., 3] > 0
        assert np.abs(mine[seen] - his[seen]).max() <= 2


def _still(shown: Shown, source: bytes, kind: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    found = shown.still(source, kind)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name", ["ff_yuv444p.tif", "im_32.tif", "tif_planar_tile.tif", "tif_thumbfirst.tif", "noeoi.jpg"]
)
def test_picture_is_the_one_that_it_is(name: str) -> None:
    picture = loaded(_source(name))
    assert (picture.width_px, picture.height_px) == (256, 192)
    assert np.abs(rgba_of(picture)[96, 128] - (134, 45, 16, 255)).max() <= (8 if name.endswith("jpg") else 3)


def test_alpha_of_cmyk_is_a_ramp() -> None:
    assert rgba_of(loaded(_source("im_cmyka.tif")))[96, [0, 128, 255], 3].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    "name", ["noeoi.jpg", "p_no_iend.png", "p_bad_adler.png", "p_idat_badcrc.png", "p_zlib_small_window.png"]
)
def test_damage_that_costs_no_pixel_is_told(name: str) -> None:
    assert any("its pixels are all there" in warning for warning in loaded(_source(name)).warnings)
