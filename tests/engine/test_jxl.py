"""JPEG XL: written only where it is named and its extra is there; the same goals and bounds as the other formats."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import animation, drawing, encoded, photo
from tests.support.corpus import corpus_file
from tests.support.pictures import encoded as jpeg
from tests.support.pictures import gradient

from leanpix.client.values import format_of_whole
from leanpix.domain.request import Metadata
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.codecs.jxl import jxl_backend
from leanpix.engine.limits import Limits, resource_budget
from leanpix.engine.made_profile import Primaries, matrix_profile
from leanpix.engine.metric import score
from leanpix.engine.probe import probe

imagecodecs = pytest.importorskip("imagecodecs", reason="the extra leanpix[jxl] is not installed")
JXL = OutputFormat.JXL
P3 = Primaries((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))


@pytest.fixture(scope="module")
def source() -> bytes:
    return encoded(photo(), ".png")


def pixels(data: bytes) -> NDArray[np.uint8]:
    """By the wheel's reader, told nothing; the file is whole."""
    assert format_of_whole(data) == "jxl"
    return np.ascontiguousarray(imagecodecs.jpegxl_decode(data))


def test_this_installation_writes_it() -> None:
    assert jxl_backend().startswith("imagecodecs: libjxl")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tif"])
def test_every_source_becomes_jpeg_xl_with_its_dimensions(suffix: str) -> None:
    done = compress(encoded(photo(96, 64), suffix), CompressionOptions(format=JXL, quality=80))
    assert pixels(done.data).shape == (64, 96, 3)
    assert (done.report.format, done.report.result_bytes) == (JXL, len(done.data))


def test_quality_buys_looks_with_bytes(source: bytes) -> None:
    done = [compress(source, CompressionOptions(format=JXL, quality=quality)).data for quality in (10, 30, 60, 95)]
    scores = [score(photo(), pixels(data)) for data in done]
    assert [len(data) for data in done] == sorted(len(data) for data in done)
    assert scores == sorted(scores)
    assert scores[-1] > 85


def test_automatic_quality_reaches_its_score_and_says_so(source: bytes) -> None:
    done = compress(source, CompressionOptions(format=JXL, target_score=70))
    assert done.report.score is not None
    assert 70 <= done.report.score < 75
    assert score(photo(), pixels(done.data)) == pytest.approx(done.report.score, abs=0.01)


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_a_size_is_met_from_below(source: bytes, share: float) -> None:
    largest = len(compress(source, CompressionOptions(format=JXL, quality=100)).data)
    most = int(share * largest)
    done = compress(source, CompressionOptions(format=JXL, max_bytes=most))
    assert 0.97 * most <= len(done.data) <= most
    assert pixels(done.data).shape == (240, 320, 3)


def test_dimensions_shrink_where_even_the_lowest_quality_is_too_large(source: bytes) -> None:
    done = compress(source, CompressionOptions(format=JXL, max_bytes=600))
    assert len(done.data) <= 600
    assert pixels(done.data).shape[1] < 320


def test_transparency_is_kept() -> None:
    done = compress(encoded(drawing(bands=4), ".png"), CompressionOptions(format=JXL))
    result = pixels(done.data)
    assert result.shape == (240, 320, 4)
    assert np.abs(result[:, :, 3].astype(int) - drawing(bands=4)[:, :, 3]).mean() < 2


def test_line_art_is_kept_whole_in_fewer_bytes_than_png() -> None:
    source = encoded(drawing(), ".png")
    done, png = (compress(source, CompressionOptions(format=kind)) for kind in (JXL, OutputFormat.PNG))
    assert np.array_equal(pixels(done.data), drawing())
    assert len(done.data) < len(png.data)


def test_gray_becomes_gray() -> None:
    gray = np.ascontiguousarray(photo()[:, :, :1])
    done = compress(encoded(gray, ".png"), CompressionOptions(format=JXL))
    assert pixels(done.data).shape == (240, 320)
    assert np.abs(pixels(done.data).astype(int) - gray[:, :, 0]).mean() < 8


def test_an_animation_gives_its_first_frame_and_a_warning() -> None:
    done = compress(animation(), CompressionOptions(format=JXL, quality=60))
    assert pixels(done.data).shape[:2] == (48, 48)
    assert any(warning.startswith("animation dropped") for warning in done.report.warnings)


@pytest.mark.parametrize("suffix", [".gif", ".tif"])
def test_it_is_never_chosen_by_itself(suffix: str) -> None:
    done = compress(encoded(photo(96, 64), suffix), CompressionOptions())
    assert done.report.format is not JXL


def test_its_memory_is_set_aside(source: bytes) -> None:
    facts = probe(source, Limits())
    aside = {kind: resource_budget(facts, CompressionOptions(format=kind)).memory_bytes for kind in OutputFormat}
    assert aside[OutputFormat.WEBP] < aside[JXL] < aside[OutputFormat.AVIF]


def test_a_preserved_copyright_is_a_box_of_its_own() -> None:
    mark = Image.Exif()
    mark[0x8298] = "(c) Nobody"
    options = CompressionOptions(format=JXL, quality=80, preserve=(Metadata.COPYRIGHT,))
    data = compress(jpeg(gradient(64, 64), exif=mark.tobytes()), options).data
    assert pixels(data).shape == (64, 64, 3)
    at = data.index(b"Exif\0\0\0\0")
    assert struct.unpack(">I", data[at - 4 : at])[0] == len(data) - at + 4
    kept = Image.Exif()
    kept.load(data[at + 8 :])
    assert kept[0x8298] == "(c) Nobody"


def test_photographs_take_fewer_bytes_than_webp_at_the_same_score() -> None:
    sources = [corpus_file(f"a_Z_kodim{number}.png").read_bytes() for number in ("01", "15", "23")]
    total = dict.fromkeys((JXL, OutputFormat.WEBP), 0)
    for source in sources:
        for kind in total:
            done = compress(source, CompressionOptions(format=kind))
            assert (done.report.score or 0) >= 75
            total[kind] += len(done.data)
    assert total[JXL] < 0.95 * total[OutputFormat.WEBP]


def test_a_wide_gamut_is_converted_for_there_is_no_place_for_its_profile() -> None:
    saturated = Image.new("RGB", (32, 32), (0, 255, 0))
    source = jpeg(saturated, "PNG", icc_profile=matrix_profile(P3, None))
    kept, converted = (compress(source, CompressionOptions(format=kind)) for kind in (OutputFormat.WEBP, JXL))
    assert any("kept" in change for change in kept.report.changes)
    assert any("converted to sRGB" in change for change in converted.report.changes)
