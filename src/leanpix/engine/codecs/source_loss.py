"""What a source had lost before it came here, and what automatic quality aims at for it.

A file that was compressed before is not the truth: at the target against it, it is below the target against what it
shows. Two losses add up about as the sides of a right angle do (docs/decisions/0173).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.own_mark import mark_of
from leanpix.engine.facts import Probe
from leanpix.engine.reading.headers.quantisers import Quantisers, jpeg_quantisers, webp_quantisers

_PERFECT = 100.0
NEAR_LOSSLESS = "near-lossless"
"""The note of a mark, followed by the step between levels."""

AT_SCORE = "score"
"""The note of a mark of a result that is finer than its score takes, for a place of it: followed by that score."""

TOLD_BY_TABLES = frozenset({OutputFormat.JPG, OutputFormat.WEBP})
"""Formats whose files say by their own tables what they have lost; a file of any other has to be marked."""

_PNG_COLOUR_TYPE, _INDEXED = 25, b"\x03"

# Medians over Kodak photographs: SSIMULACRA2 at a quality; the spread is 2 points to each side from 50 up.
_QUALITIES = (10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 98, 100)
_JPEG_HALVED = (-12.0, 30.2, 46.6, 56.3, 62.6, 66.3, 71.7, 74.6, 77.6, 80.8, 84.5, 88.7, 91.7, 93.2)
_JPEG_WHOLE = (-7.8, 35.0, 50.8, 59.6, 65.5, 69.2, 74.1, 76.8, 79.9, 82.9, 86.5, 90.5, 93.4, 94.8)
_WEBP = (26.6, 40.6, 49.1, 55.5, 60.9, 64.7, 68.2, 69.9, 74.1, 78.2, 83.5, 87.8, 89.8, 90.4)
_STEPS = (1, 2, 3, 4, 6, 8)
_COARSENED = (100.0, 96.0, 94.0, 92.3, 87.5, 82.0)
"""By the step between levels that a mark names."""

AS_GOOD_AS = 3.0
"""Points above the target below which a source counts as being at it: what is left would be spent on its faults."""

_OWN_SPREAD = 13.0
"""The same for an encode of this engine's own: what a setting scores differs so much from picture to picture, and its
own search found the one for this."""

_HIGHEST_AIM = 88.0
"""Against a lossy source: a closer copy of its faults takes as many bytes as it has."""


@dataclass(frozen=True, slots=True)
class SourceLoss:
    """score: SSIMULACRA2 that the source has against what it was made from, as far as its file tells; 100: no loss.

    is_own: its loss is this engine's own: at whatever it was to have. is_palette: its colours may be all there were
    or what is left of a photograph: nobody can tell, and fewer of them would be few.
    """

    score: float = _PERFECT
    is_own: bool = False
    is_palette: bool = False

    def at_scale(self, scale: float) -> SourceLoss:
        """The same at so many times the source's side: what is made smaller shows less of it."""
        return replace(self, score=_PERFECT - (_PERFECT - self.score) * min(scale, 1.0) ** 2)

    def is_at(self, target: float) -> bool:
        """Whether nothing is to be gained by losing more on the way to a target."""
        return self.is_palette or self.score < target + (_OWN_SPREAD if self.is_own else AS_GOOD_AS)

    def aim(self, target: float) -> float:
        """The score against the source at which the result has the target against what was before it.

        Where the source is below that already, a close copy of it.
        """
        if self.score >= _PERFECT:
            return target
        left = (_PERFECT - target) ** 2 - (_PERFECT - self.score) ** 2
        aim = _PERFECT - math.sqrt(left) if left > 0 else _HIGHEST_AIM
        return max(target, min(aim, _HIGHEST_AIM))


def source_loss(source: bytes, facts: Probe) -> SourceLoss:
    """By the file's own tables: a JPEG's, a WebP's; whether a PNG has a palette; by the mark of an own result."""
    note = mark_of(source) or ""
    at_score = note.partition(AT_SCORE)[2].strip()
    if at_score.isdigit():
        return SourceLoss(float(at_score), is_own=True)
    coarsened = note.partition(NEAR_LOSSLESS)[2].strip()
    if coarsened.isdigit():
        return SourceLoss(float(np.interp(int(coarsened), _STEPS, _COARSENED)), is_own=True)
    if facts.format is SourceFormat.PNG and source[_PNG_COLOUR_TYPE : _PNG_COLOUR_TYPE + 1] == _INDEXED:
        return SourceLoss(is_palette=True)
    if facts.format is SourceFormat.JPG:
        return _of_jpeg(jpeg_quantisers(source, facts.quality))
    if facts.format is SourceFormat.WEBP and not facts.is_lossless:
        found = webp_quantisers(source)
        return SourceLoss() if found is None else SourceLoss(_typical(found, _WEBP), found.is_own)
    return SourceLoss()


def _of_jpeg(found: Quantisers) -> SourceLoss:
    return SourceLoss(_typical(found, _JPEG_WHOLE if found.is_whole_chroma else _JPEG_HALVED), found.is_own)


def _typical(found: Quantisers, scores: tuple[float, ...]) -> float:
    return _PERFECT if found.quality is None else float(np.interp(found.quality, _QUALITIES, scores))
