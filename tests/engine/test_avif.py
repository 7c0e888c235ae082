"""What is AVIF's own, beside what test_extra_formats.py asks of each such format."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from tests.engine.pictures import encoded, photo

from leanpix.engine import CompressionOptions, OutputFormat, compress, score
from leanpix.engine.budget import Budget
from leanpix.engine.codecs.avif import AvifEncoder, decoded_avif
from leanpix.engine.codecs.base import Raster
from leanpix.engine.facts import Limits
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

AVIF = OutputFormat.AVIF


def test_it_has_more_memory_set_aside_than_the_other_formats() -> None:
    facts = probe(encoded(photo(), ".png"), Limits())
    aside = {kind: resource_budget(facts, CompressionOptions(format=kind)).memory_bytes for kind in OutputFormat}
    assert max(aside, key=lambda kind: aside[kind]) is AVIF
    assert resource_budget(facts, CompressionOptions()).memory_bytes < aside[AVIF]


def test_a_small_pictures_search_ends_at_a_slower_speed_and_fewer_bytes() -> None:
    small, larger = photo(320, 240), photo(400, 300)
    reports = [compress(encoded(pixels, ".png"), CompressionOptions(format=AVIF)).report for pixels in (small, larger)]
    assert [one.encoder for one in reports] == ["libaom (speed 5)", "libaom (speed 6)"]
    usual = AvifEncoder(Raster(small), 3, is_screen_content=False, is_colourful=False, ends_slower=True)
    slower, *more = usual.slower_presets()
    assert not more
    assert slower.slower_presets() == ()
    curves = [[_at(one, quality, small) for quality in (50, 60, 70, 80)] for one in (usual, slower)]
    sizes = [float(np.interp(75, [at for at, _ in curve], [size for _, size in curve])) for curve in curves]
    assert sizes[1] < sizes[0]


def test_no_slower_speed_is_tried_where_time_is_short() -> None:
    source = encoded(photo(320, 240), ".png")
    report = compress(source, CompressionOptions(format=AVIF), budget=Budget(limit_s=12)).report
    assert report.encoder == "libaom (speed 9)"


def _at(encoder: AvifEncoder, quality: float, source: NDArray[np.uint8]) -> tuple[float, float]:
    data = encoder.encode(quality).data
    return score(source, decoded_avif(data)), math.log(len(data))
