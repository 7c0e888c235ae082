"""Use a number of bytes as well as possible, never more."""

from __future__ import annotations

from leanpix.engine.codecs.base import Encoded
from leanpix.engine.codecs.prior import PriorCurve
from leanpix.engine.codecs.runs import EncoderRuns, rate_of
from leanpix.engine.goals.search import MAX_TRIES, Bound, EncoderParam, nearest

_TOLERANCE = 0.01
"""A share of the target: an encode within it ends the search."""

_ROUGH_TOLERANCE, _ROUGH_TRIES = 0.05, 6
"""The same, and the encodes at most, where a thorough encoder comes after."""

_THOROUGH_TOLERANCE = 0.02

_FEW_TRIES = 2
_MORE_TRIES = 4
_USED_UP = 0.975
"""A share of the target that ends the search for steps between an encoder's steps."""


def largest_within(runs: EncoderRuns, pixels: int, max_bytes: int, rates: PriorCurve | None = None) -> Encoded | None:
    """The encode that comes nearest to max_bytes; None where even the lowest setting takes more.

    pixels: of the raster, all frames. rates: the part of the encoder's settings to stay in, all of them if None.
    """
    setting = setting_within(runs, pixels, max_bytes, rates)
    return None if setting is None else refined(runs, setting, pixels, max_bytes)


def setting_within(runs: EncoderRuns, pixels: int, max_bytes: int, rates: PriorCurve | None = None) -> float | None:
    """The setting whose encode comes nearest to max_bytes, as above; without the thorough encoder."""
    tolerance, tries = (_ROUGH_TOLERANCE, _ROUGH_TRIES) if runs.encoder.slower_presets() else (_TOLERANCE, MAX_TRIES)
    bound = Bound(rate_of(max_bytes, pixels), tolerance, is_floor=False)
    return _setting_within(runs, rates or runs.encoder.rates, bound, pixels, tries)


def next_within(
    runs: EncoderRuns, rival: EncoderRuns, pixels: int, max_bytes: int, tries: int = _MORE_TRIES
) -> Encoded | None:
    """Another encoder's best within max_bytes in a few tries, which begin where the first one's last run points."""
    encoder, last = rival.encoder, next(reversed(runs.done))
    bias = runs.rate_at(last, pixels) - runs.encoder.rates.value(last)
    bound = Bound(rate_of(max_bytes, pixels), _THOROUGH_TOLERANCE, is_floor=False)
    found = _setting_within(rival, encoder.rates.biased(bias), bound, pixels, tries)
    runs.add_counts(rival)
    return None if found is None else rival.at(found)


def _setting_within(runs: EncoderRuns, rates: PriorCurve, bound: Bound, pixels: int, max_tries: int) -> float | None:
    return nearest(
        lambda setting: runs.rate_at(setting, pixels),
        EncoderParam(rates, runs.to_grid),
        bound,
        max_tries=max_tries,
        may_continue=runs.may_continue,
    )


def refined(runs: EncoderRuns, setting: float, pixels: int, max_bytes: int) -> Encoded:
    """The encode found, or a thorough one of about the same size, which is the better picture."""
    best = runs.at(setting)
    if setting >= runs.highest:
        return best
    for encoder, tries in zip(runs.encoder.slower_presets(), (_FEW_TRIES, _MORE_TRIES), strict=False):
        if not runs.may_continue():
            break
        found = next_within(runs, runs.fork(encoder), pixels, max_bytes, tries)
        if found is not None and len(found.data) >= len(best.data):
            best = found
        if len(best.data) >= _USED_UP * max_bytes:
            break
    return best
