"""From the maps' means to SSIMULACRA2's score: the published weights (version 2.1) and the final curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_SCALES = 6
SMALLEST_SIDE_PX = 8
NEEDS_SSIM, NEEDS_EDGES = 1, 2

# Maps whose weights are all below this are not computed: half the scales and channels, and what they would add is
# under 0.004 points on the corpus (docs/decisions/0031).
_NEGLIGIBLE = 0.003

# fmt: off
_WEIGHTS = (
    0.0, 0.0007376606707406586, 0.0,
    0.0, 0.0007793481682867309, 0.0,
    0.0, 0.0004371155730107379, 0.0,
    1.1041726426657346, 0.00066284834129271, 0.00015231632783718752,
    0.0, 0.0016406437456599754, 0.0,
    1.8422455520539298, 11.441172603757666, 0.0,
    0.0007989109436015163, 0.000176816438078653, 0.0,
    1.8787594979546387, 10.94906990605142, 0.0,
    0.0007289346991508072, 0.9677937080626833, 0.0,
    0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053,
    0.0004550992113792063, 0.0, 0.0,
    0.0013648766163243398, 0.0, 0.0,
    0.0, 0.0, 0.0,
    7.466890328078848, 0.0, 17.445833984131262,
    0.0006235601634041466, 0.0, 0.0,
    6.683678146179332, 0.00037724407979611296, 1.027889937768264,
    225.20515300849274, 0.0, 0.0,
    19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
    176.39317598450694, 0.0, 0.0,
    24.43300999870476, 0.28520802612117757, 0.0004485436923833408,
    0.0, 0.0, 0.0,
    34.77906344483772, 44.835625328877896, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0008680556573291698, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0005313191874358747, 0.0,
    0.00016533814161379112, 0.0, 0.0,
    0.0, 0.0, 0.0,
    0.0004179171803251336, 0.0017290828234722833, 0.0,
    0.0020827005846636437, 0.0, 0.0,
    8.826982764996862, 23.19243343998926, 0.0,
    95.1080498811086, 0.9863978034400682, 0.9834382792465353,
    0.0012286405048278493, 171.2667255897307, 0.9807858872435379,
    0.0, 0.0, 0.0,
    0.0005130064588990679, 0.0, 0.00010854057858411537,
)
# fmt: on


def scales_of(height: int, width: int) -> int:
    """How many scales a picture has: each halves the sides, rounding up, as long as both are 8 or more."""
    scales = 0
    while scales < MAX_SCALES and min(height, width) >= SMALLEST_SIDE_PX:
        height, width, scales = (height + 1) // 2, (width + 1) // 2, scales + 1
    return scales


def needed_maps(scales: int) -> NDArray[np.uint8]:
    """Which maps weigh anything: (scales, 3 channels), bit 0 the SSIM map, bit 1 the edge maps."""
    heaviest = _weights(scales).max(axis=3)
    ssim = heaviest[:, :, 0] >= _NEGLIGIBLE
    edges = heaviest[:, :, 1:].max(axis=2) >= _NEGLIGIBLE
    return np.asarray(ssim * NEEDS_SSIM + edges * NEEDS_EDGES, np.uint8)


def score_of(sums: NDArray[np.float64], height: int, width: int) -> float:
    """The score from each map's sum and sum of fourth powers.

    sums is (scales, 3 channels, 3 maps, 2 norms), the maps being SSIM, artifact and lost detail.
    """
    scales = len(sums)
    pixels = [_halved(height, scale) * _halved(width, scale) for scale in range(scales)]
    means = sums / np.reshape(pixels, (scales, 1, 1, 1))
    means[..., 1] **= 0.25
    return _curve(float((means * _weights(scales)).sum()))


def _weights(scales: int) -> NDArray[np.float64]:
    """(scales, channels, maps, norms). With fewer scales the list is read on without gaps, as the original does."""
    table = np.array(_WEIGHTS[: scales * 18]).reshape(3, scales, 2, 3)
    return np.ascontiguousarray(table.transpose(1, 0, 3, 2))


def _halved(side: int, times: int) -> int:
    return -(-side // (1 << times))


def _curve(distance: float) -> float:
    d = distance * 0.9562382616834844
    d = 2.326765642916932 * d - 0.020884521182843837 * d * d + 6.248496625763138e-05 * d * d * d
    return 100.0 - 10.0 * float(d**0.6276336467831387) if d > 0 else 100.0
