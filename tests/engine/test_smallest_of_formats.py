"""Several formats, of which the smallest that meets the goal is made: one decode, one time, one report."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image
from tests.engine.pictures import drawing, encoded, photo
from tests.support.pictures import encoded as by_pillow

from leanpix.domain.errors import TaskFailure
from leanpix.domain.report import Decision
from leanpix.domain.states import TaskState
from leanpix.engine import Compression, CompressionOptions, Limits, OutputFormat, compress, score
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

JPG, PNG, WEBP, AVIF, JXL = OutputFormat


@dataclass
class Phases:
    """Which phases there were."""

    told: list[str] = field(default_factory=list)

    def made(self, source: bytes, options: CompressionOptions) -> Compression:
        return compress(source, options, on_phase=self.told.append)


def test_it_is_the_smallest_of_what_each_alone_makes() -> None:
    source = encoded(photo(), ".png")
    alone = {kind: compress(source, CompressionOptions(format=kind)) for kind in (JPG, WEBP, AVIF)}
    done = compress(source, CompressionOptions(alternatives=(JPG, WEBP, AVIF)))
    assert done.data == min((one.data for one in alone.values()), key=len)
    assert {way.name.split()[0] for way in done.report.considered} == {"jpg", "webp", "avif"}
    assert [way.decision for way in done.report.considered].count(Decision.TAKEN) == 1


def test_a_source_is_decoded_once_for_all_of_them() -> None:
    phases = Phases()
    phases.made(encoded(photo(), ".png"), CompressionOptions(alternatives=(JPG, PNG, WEBP, AVIF, JXL), quality=80))
    assert phases.told.count("decoding") == 1


def test_what_would_lose_transparency_takes_no_part() -> None:
    source = encoded(drawing(bands=4), ".png")
    done = compress(source, CompressionOptions(alternatives=(JPG, AVIF, WEBP)))
    assert done.report.format in {AVIF, WEBP}
    assert not any(way.name.startswith("jpg") for way in done.report.considered)


def test_an_animation_stays_one_where_a_format_holds_it() -> None:
    frames = [Image.fromarray(np.full((32, 32, 3), level, np.uint8)) for level in (20, 200)]
    source = by_pillow(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    assert compress(source, CompressionOptions(alternatives=(AVIF, JPG, WEBP))).report.frames == 2


def test_one_that_falls_short_of_the_goal_does_not_win_by_its_size() -> None:
    """Palettes of photographs do not reach a score of 95, and a JPEG of halved chroma may not either."""
    source = encoded(photo(), ".png")
    target = 90.0
    done = compress(source, CompressionOptions(alternatives=(JPG, WEBP, AVIF, JXL), target_score=target))
    assert (done.report.score or 0) >= target


def test_to_a_size_the_one_that_looks_best_wins() -> None:
    source = encoded(photo(), ".png")
    kinds, most = (JPG, AVIF), 6000
    looks = {}
    for kind in kinds:
        alone = compress(source, CompressionOptions(format=kind, max_bytes=most)).data
        looks[kind] = score(photo(), np.asarray(Image.open(io.BytesIO(alone)).convert("RGB")))
    done = compress(source, CompressionOptions(alternatives=kinds, max_bytes=most))
    assert len(done.data) <= most
    assert done.report.format is max(kinds, key=lambda kind: looks[kind])


def test_a_size_that_one_format_cannot_meet_another_may() -> None:
    source = encoded(photo(), ".png")
    options = CompressionOptions(alternatives=(WEBP, JPG), max_bytes=700, width_px=320)
    with pytest.raises(TaskFailure) as refused:
        compress(source, CompressionOptions(format=WEBP, max_bytes=700, width_px=320))
    assert refused.value.state is TaskState.NOT_MEETING_REQUIREMENTS
    assert compress(source, options).report.format is JPG


def test_memory_is_set_aside_for_the_dearest_of_them() -> None:
    facts = probe(encoded(photo(), ".jpg"), Limits())
    several = resource_budget(facts, CompressionOptions(alternatives=(JPG, AVIF))).memory_bytes
    assert several == resource_budget(facts, CompressionOptions(format=AVIF)).memory_bytes
