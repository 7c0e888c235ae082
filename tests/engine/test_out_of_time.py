"""A budget that is used up ends in the best result so far, never in an accident."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.engine.pictures import encoded, photo

from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import Budget, compress


@pytest.mark.parametrize("kind", STANDARD_FORMATS)
@pytest.mark.parametrize("options", [{"quality": 80}, {"max_bytes": 6000}, {"target_score": 90.0}, {}])
def test_a_clock_that_runs_away_still_gives_a_picture(kind: OutputFormat, options: dict[str, float]) -> None:
    hurried = itertools.count(0, 9)
    budget = Budget(25, clock=lambda: float(next(hurried)))
    chosen = CompressionOptions(format=kind, **options)  # type: ignore[arg-type] # a mix of int and float fields
    assert compress(encoded(photo(), ".png"), chosen, budget=budget).data


def test_a_palette_that_shows_is_better_than_nothing_when_there_is_no_time_for_a_lossless_one() -> None:
    grain = np.random.default_rng(3).integers(0, 256, (240, 320, 3), np.uint8)
    spent = iter([0.0, 0.0])
    budget = Budget(25, clock=lambda: next(spent, 24.9))
    done = compress(
        encoded(grain, ".jpg", Q=95), CompressionOptions(format=OutputFormat.PNG, quality=90), budget=budget
    )
    assert done.data
    assert done.report.warnings
