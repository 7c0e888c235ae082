"""Use a number of bytes as well as possible, never more."""

from __future__ import annotations

from leanpix.engine.codecs.base import Encoded
from leanpix.engine.outcome import Trials, rate_of
from leanpix.engine.search import Curve, Knob, from_below

_TOLERANCE = 0.01
"""A share of the target: an encode within it ends the search."""


def largest_within(trials: Trials, pixels: int, max_bytes: int, rates: Curve | None = None) -> Encoded | None:
    """The encode that comes nearest to max_bytes; None where even the lowest setting takes more.

    pixels: of the raster, all frames. rates: the part of the encoder's settings to stay in, all of them if None.
    """
    setting = from_below(
        lambda setting: trials.rate_at(setting, pixels),
        Knob(rates or trials.encoder.rates, trials.snap),
        rate_of(max_bytes, pixels),
        tolerance=_TOLERANCE,
        may_continue=trials.may_continue,
    )
    return None if setting is None else _refined(trials, setting, max_bytes)


def _refined(trials: Trials, setting: float, max_bytes: int) -> Encoded:
    best = trials.at(setting)
    for finer in trials.encoder.finer(setting):
        if finer > setting and len(best.data) < (1 - _TOLERANCE) * max_bytes and trials.may_continue():
            better = trials.at(finer)
            best = better if len(best.data) < len(better.data) <= max_bytes else best
    return best
