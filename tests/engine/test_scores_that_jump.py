"""A search to a score ends where the score jumps: between the settings around the jump there are no bytes to be had."""

from __future__ import annotations

from dataclasses import dataclass

from tests.engine.pictures import encoded, photo

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.budget import Budget
from leanpix.engine.codecs.base import Encoded
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.codecs.webp.codec import WebpEncoder
from leanpix.engine.compress import begun, opened
from leanpix.engine.goals.scoring import lowest_at

JUMP, MOST_TRIES = 70.0, 8


@dataclass(frozen=True, slots=True)
class Jumping(WebpEncoder):
    """What is asked for below a setting is coded far worse, and above it far better: nothing scores in between."""

    def encode(self, parameter: float) -> Encoded:
        return WebpEncoder.encode(self, 20 if parameter < JUMP else 97)

    def slower_presets(self) -> tuple[()]:
        return ()


def test_what_a_jump_leaves_nothing_of_is_not_searched() -> None:
    options = CompressionOptions(format=OutputFormat.WEBP)
    decoded = opened(encoded(photo(), ".png"), options, None, None, None)
    context, runs = begun(decoded, decoded.options, Budget())
    own = runs.encoder
    assert isinstance(own, WebpEncoder)
    jumping = Jumping(*(getattr(own, name) for name in WebpEncoder.__dataclass_fields__))
    tried = EncoderRuns(jumping, Budget())
    found = lowest_at(context, tried, 75, None)
    assert found is not None
    assert found.parameter >= JUMP
    above, below = min(one for one in tried.done if one >= JUMP), max(one for one in tried.done if one < JUMP)
    assert jumping.rates.value(above) - jumping.rates.value(below) <= 0.012
    assert len(tried.done) <= MOST_TRIES
