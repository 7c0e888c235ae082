"""jpegli's distance and the libjpeg-like quality, one from the other."""

from __future__ import annotations

import math

MIN_DISTANCE = 0.01
MAX_DISTANCE = 25.0

_KNEE_QUALITY, _KNEE_DISTANCE = 30.0, 6.4
_STEEP_QUALITY, _STEEP_DISTANCE = 99.0, 0.19


def distance_from_quality(quality: float) -> float:
    """The distance, in jpegli's sense, of a libjpeg-like quality, 0 to 100, also between the integers.

    Equal to jpegli's own mapping at every integer; it falls strictly, so it has an inverse (jpegli jumps from 0.1
    to 0.01 at 100, here that is the last unit's slope).
    """
    q = min(max(quality, 0.0), 100.0)
    if q < _KNEE_QUALITY:
        return (53 / 3000 * q - 1.15) * q + MAX_DISTANCE
    if q <= _STEEP_QUALITY:
        return 0.1 + (100 - q) * 0.09
    return MIN_DISTANCE + (100 - q) * 0.18


def quality_from_distance(distance: float) -> float:
    """The quality whose distance this is; the inverse of distance_from_quality on 0.01 to 25."""
    d = min(max(distance, MIN_DISTANCE), MAX_DISTANCE)
    if d > _KNEE_DISTANCE:
        a, b, c = 53 / 3000, -1.15, MAX_DISTANCE - d
        return (-b - math.sqrt(b * b - 4 * a * c)) / (2 * a)
    if d >= _STEEP_DISTANCE:
        return 100 - (d - 0.1) / 0.09
    return 100 - (d - MIN_DISTANCE) / 0.18
