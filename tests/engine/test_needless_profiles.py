"""A profile that says sRGB changes no colour: without it the source's own file still is the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.support.pictures import encoded

from leanpix.domain.keep import Keep
from leanpix.engine import CompressionOptions, OutputFormat, compress

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = {"JPEG": OutputFormat.JPG, "PNG": OutputFormat.PNG, "WEBP": OutputFormat.WEBP}


def _picture(kind: str) -> Image.Image:
    y, x = np.mgrid[0:300, 0:400]
    slope = np.stack([x * 255 // 400, y * 255 // 300, (x + y) * 255 // 700], axis=-1)
    noise = np.random.default_rng(3).integers(0, 255, (120, 160, 3))
    return Image.fromarray({"slope": slope, "noise": noise}[kind].astype(np.uint8))


@pytest.mark.parametrize("quality", [100, 90, None])
@pytest.mark.parametrize("kind", ["slope", "noise"])
@pytest.mark.parametrize("form", FORMATS)
def test_without_its_profile_a_result_is_not_larger_than_the_source(form: str, kind: str, quality: int | None) -> None:
    how = {"optimize": True} if form == "PNG" else {"quality": 80}
    source = encoded(_picture(kind), form, icc_profile=SRGB, **how)
    options = CompressionOptions(format=FORMATS[form], quality=quality, keep=())
    result = compress(source, options).data
    assert len(result) <= len(source)
    with Image.open(io.BytesIO(result)) as read, Image.open(io.BytesIO(source)) as first:
        assert "icc_profile" not in read.info
        if quality == 100 and form == "PNG":
            assert np.array_equal(np.asarray(read.convert("RGB")), np.asarray(first.convert("RGB")))


@pytest.mark.parametrize("form", FORMATS)
def test_a_profile_that_is_kept_stays_with_the_sources_own_file(form: str) -> None:
    how = {"optimize": True} if form == "PNG" else {"quality": 80}
    source = encoded(_picture("slope"), form, icc_profile=SRGB, **how)
    options = CompressionOptions(format=FORMATS[form], quality=100, keep=(Keep.PROFILE,))
    assert len(compress(source, options).data) <= len(source)
