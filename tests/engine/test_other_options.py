"""Options beside the contract's own: a background, no enlargement, the smallest of several formats."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat
from leanpix.domain.request import CompressionOptions, Fit
from leanpix.engine import compress

JPG, PNG, WEBP = STANDARD_FORMATS


def hole(mode: str = "RGBA") -> bytes:
    """Opaque on the left, nothing on the right."""
    picture = gradient(64, 64).convert(mode)
    alpha = Image.new("L", (64, 64), 255)
    alpha.paste(0, (32, 0, 64, 64))
    picture.putalpha(alpha)
    return encoded(picture, "PNG")


@pytest.mark.parametrize("target", STANDARD_FORMATS)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_background_fills_what_is_transparent_whatever_the_format(target: OutputFormat, mode: str) -> None:
    done = compress(hole(mode), CompressionOptions(format=target, background="ff8000", quality=90))
    with Image.open(io.BytesIO(done.data)) as result:
        assert "A" not in result.getbands()
        right = np.asarray(result.convert("RGB"))[8:-8, 44:60]
    assert np.abs(right.astype(int) - (255, 128, 0)).max() <= 12


def test_a_background_leaves_an_opaque_picture_alone() -> None:
    source = encoded(gradient(64, 64))
    assert compress(source, CompressionOptions(background="ff8000")).data == compress(source, CompressionOptions()).data


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width_px": 300}, (120, 80)),
        ({"height_px": 300}, (120, 80)),
        ({"width_px": 60}, (60, 40)),
        ({"width_px": 300, "height_px": 40, "fit": Fit.INSIDE}, (60, 40)),
        ({"width_px": 300, "height_px": 300, "fit": Fit.INSIDE}, (120, 80)),
        ({"width_px": 300, "height_px": 40, "fit": Fit.COVER}, (120, 40)),
        ({"width_px": 300, "height_px": 300, "fit": Fit.COVER}, (120, 80)),
        ({"width_px": 40, "height_px": 40, "fit": Fit.COVER}, (40, 40)),
    ],
)
def test_nothing_grows_where_enlarging_is_off(options: dict[str, int], size: tuple[int, int]) -> None:
    report = compress(encoded(gradient(120, 80)), CompressionOptions(enlarge=False, **options)).report  # type: ignore[arg-type] # values of several types
    assert (report.width_px, report.height_px) == size


def test_the_smallest_of_several_formats_is_taken() -> None:
    source = encoded(gradient(96, 96), "PNG")
    sizes = {one: len(compress(source, CompressionOptions(format=one)).data) for one in STANDARD_FORMATS}
    done = compress(source, CompressionOptions(alternatives=STANDARD_FORMATS))
    assert len(done.data) == min(sizes.values())
    assert sizes[done.report.format] == len(done.data)


def test_a_format_that_would_lose_transparency_or_frames_does_not_win() -> None:
    assert compress(hole(), CompressionOptions(alternatives=(JPG, PNG))).report.format is PNG
    filled = compress(hole(), CompressionOptions(alternatives=(JPG, PNG), background="ffffff"))
    assert filled.report.format in {JPG, PNG}
    frames = [gradient(32, 32), gradient(32, 32).rotate(90)]
    animated = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    done = compress(animated, CompressionOptions(alternatives=STANDARD_FORMATS))
    assert (done.report.format, done.report.frames) == (WEBP, 2)


def test_wrong_options_are_refused_by_name() -> None:
    with pytest.raises(InvalidParameterError, match="background"):
        CompressionOptions(background="#fff")
