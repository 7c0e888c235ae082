"""Primaries and transfer functions by their numbers of ITU-T H.273, as browsers take them: cICP of PNG holds these."""

from __future__ import annotations

from collections.abc import Mapping

from leanpix.engine.colour.made_profile import SRGB_PRIMARIES, Curve, Primaries

PQ, HLG = 16, 18
_D65, _C, _EQUAL, _CINEMA = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3), (0.314, 0.351)

_SMPTE_170M = Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
BT2020 = Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
PRIMARIES: Mapping[int, Primaries] = {
    1: SRGB_PRIMARIES,
    4: Primaries(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _SMPTE_170M,
    7: _SMPTE_170M,
    8: Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: BT2020,
    10: Primaries(_EQUAL, (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: Primaries(_CINEMA, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}

_VIDEO = 2.4
"""BT.1886's display: what browsers decode the camera curves of television with."""

CURVES: Mapping[int, Curve] = {
    1: _VIDEO,
    4: 2.2,
    5: 2.8,
    6: _VIDEO,
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913),
    8: 1.0,
    11: _VIDEO,
    13: None,
    14: _VIDEO,
    15: _VIDEO,
    17: (2.6, (52.37 / 48) ** (1 / 2.6), 0.0, 0.0, 0.0),
}
"""Transfer functions with a curve of their own; the logarithmic ones and those without a number are ignored."""
