"""AVIF: written only where it is named; the same goals and bounds as the other formats."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.engine.pictures import animation, drawing, encoded, photo

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.request import Metadata
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.codecs.avif import avif_backend
from leanpix.engine.limits import Limits, resource_budget
from leanpix.engine.metric import score
from leanpix.engine.probe import probe

AVIF = OutputFormat.AVIF


@pytest.fixture(scope="module")
def source() -> bytes:
    return encoded(photo(), ".png")


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data), formats=("AVIF",))
    picture.load()
    return picture


def pixels(data: bytes) -> NDArray[np.uint8]:
    return np.ascontiguousarray(opened(data))


def test_this_installation_writes_it() -> None:
    assert avif_backend().startswith("libvips")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tif"])
def test_every_source_becomes_avif_with_its_dimensions(suffix: str) -> None:
    done = compress(encoded(photo(96, 64), suffix), CompressionOptions(format=AVIF, quality=80))
    assert opened(done.data).size == (96, 64)
    assert (done.report.format, done.report.result_bytes) == (AVIF, len(done.data))


def test_quality_buys_looks_with_bytes(source: bytes) -> None:
    done = [compress(source, CompressionOptions(format=AVIF, quality=quality)).data for quality in (30, 60, 90)]
    scores = [score(photo(), pixels(data)) for data in done]
    assert [len(data) for data in done] == sorted(len(data) for data in done)
    assert scores == sorted(scores)
    assert scores[-1] > 85


def test_automatic_quality_reaches_its_score_and_says_so(source: bytes) -> None:
    done = compress(source, CompressionOptions(format=AVIF, target_score=70))
    assert done.report.score is not None
    assert 70 <= done.report.score < 75
    assert score(photo(), pixels(done.data)) == pytest.approx(done.report.score, abs=0.01)


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_a_size_is_met_from_below(source: bytes, share: float) -> None:
    largest = len(compress(source, CompressionOptions(format=AVIF, quality=100)).data)
    most = int(share * largest)
    done = compress(source, CompressionOptions(format=AVIF, max_bytes=most))
    assert 0.85 * most <= len(done.data) <= most
    assert opened(done.data).size == (320, 240)


def test_dimensions_shrink_where_even_the_lowest_quality_is_too_large(source: bytes) -> None:
    done = compress(source, CompressionOptions(format=AVIF, max_bytes=480))
    assert len(done.data) <= 480
    assert opened(done.data).size[0] < 320


def test_transparency_is_kept() -> None:
    done = compress(encoded(drawing(bands=4), ".png"), CompressionOptions(format=AVIF))
    result = pixels(done.data)
    assert result.shape == (240, 320, 4)
    assert np.abs(result[:, :, 3].astype(int) - drawing(bands=4)[:, :, 3]).mean() < 2


def test_gray_becomes_avif() -> None:
    gray = np.ascontiguousarray(photo()[:, :, :1])
    done = compress(encoded(gray, ".png"), CompressionOptions(format=AVIF))
    assert np.abs(pixels(done.data)[:, :, :1].astype(int) - gray).mean() < 8


def test_an_animation_gives_its_first_frame_and_a_warning() -> None:
    done = compress(animation(), CompressionOptions(format=AVIF, quality=60))
    assert opened(done.data).size == (48, 48)
    assert any(warning.startswith("animation dropped") for warning in done.report.warnings)


@pytest.mark.parametrize("suffix", [".gif", ".tif"])
def test_it_is_never_chosen_by_itself(suffix: str) -> None:
    done = compress(encoded(photo(96, 64), suffix), CompressionOptions())
    assert done.report.format is not AVIF


def test_it_has_more_memory_set_aside_than_the_other_formats(source: bytes) -> None:
    facts = probe(source, Limits())
    aside = {kind: resource_budget(facts, CompressionOptions(format=kind)).memory_bytes for kind in OutputFormat}
    assert max(aside, key=lambda kind: aside[kind]) is AVIF
    assert resource_budget(facts, CompressionOptions()).memory_bytes < aside[AVIF]


def test_metadata_cannot_be_asked_for_with_it() -> None:
    with pytest.raises(InvalidParameterError, match="AVIF"):
        CompressionOptions(format=AVIF, preserve=(Metadata.COPYRIGHT,))
