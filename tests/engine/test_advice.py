"""A PNG of a photograph says which other format would take less than half, and nothing else says anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.engine.pictures import drawing, encoded, photo

from leanpix.client import Result
from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Advice, Report
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.stores.sql.codec import report_from_json, report_to_json

JPG, PNG, WEBP = OutputFormat.JPG, OutputFormat.PNG, OutputFormat.WEBP


@pytest.fixture(scope="module")
def photograph() -> bytes:
    return encoded(photo(480, 360), ".png")


@pytest.fixture(scope="module")
def advised(photograph: bytes) -> Report:
    return compress(photograph, CompressionOptions()).report


def test_a_photograph_as_png_says_that_a_jpeg_would_take_less_than_half(photograph: bytes, advised: Report) -> None:
    assert advised.format is PNG
    assert advised.advice is not None
    assert advised.advice.format is JPG
    made = compress(photograph, CompressionOptions(format=JPG)).report.result_bytes
    assert made < advised.result_bytes / 2
    assert made / 2 < advised.advice.likely_bytes < made * 2


def test_one_with_transparency_says_webp() -> None:
    pixels = photo(480, 360)
    alpha = np.full((360, 480, 1), 255, np.uint8)
    alpha[:40, :40] = 0
    report = compress(encoded(np.concatenate([pixels, alpha], axis=2), ".png"), CompressionOptions()).report
    assert report.advice is not None
    assert report.advice.format is WEBP


@pytest.mark.parametrize(
    "options",
    [
        CompressionOptions(format=JPG),
        CompressionOptions(format=WEBP),
        CompressionOptions(quality=100),
        CompressionOptions(alternatives=(PNG, WEBP)),
    ],
)
def test_nothing_is_said_where_the_format_is_small_or_every_pixel_or_others_were_asked_for(
    photograph: bytes, options: CompressionOptions
) -> None:
    assert compress(photograph, options).report.advice is None


def test_nothing_is_said_of_a_drawing() -> None:
    assert compress(encoded(drawing(), ".png"), CompressionOptions()).report.advice is None


def test_advice_is_kept_with_its_report(advised: Report) -> None:
    assert report_from_json(report_to_json(advised)).advice == advised.advice
    assert report_from_json(report_to_json(replace(advised, advice=None))).advice is None
    assert Advice.of({"format": "of a newer version", "likely_bytes": 1}) is None


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ({"advice": {"format": "jpg", "likely_bytes": 900}}, {"format": "jpg", "likely_bytes": 900}),
        ({}, None),
        ({"advice": {"format": "jpg"}}, None),
    ],
)
def test_the_client_tells_it(told: dict[str, object], advice: object) -> None:
    assert Result(b"", "png", "id", None, told).advice == advice
