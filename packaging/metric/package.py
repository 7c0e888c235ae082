"""SSIMULACRA2: how close a picture looks to its reference, and where it looks worst.

    score(reference, picture)      # 100 identical, 90 not to be told apart, 70 high quality, 30 low

Pictures are uint8 sRGB arrays: (H,W) or (H,W,1) gray, (H,W,2) gray with alpha, (H,W,3), or (H,W,4) with straight alpha.
"""

from leanpix_metric.judging.comparison import Comparison, compare, heat_map, score
from leanpix_metric.judging.ssimulacra2 import Ssimulacra2
from leanpix_metric.libraries.native import native_path
from leanpix_metric.worst_place import Measure, WorstPlace

__all__ = [
    "Comparison",
    "Measure",
    "Ssimulacra2",
    "WorstPlace",
    "compare",
    "heat_map",
    "native_path",
    "score",
]
