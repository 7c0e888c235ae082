"""One picture beside its reference, by both criteria: the mean score, and the places that look worst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.worst_place import WorstPlace
from leanpix.engine.content.cells import CELL_PX
from leanpix.engine.judging.ssimulacra2 import Kernel, Ssimulacra2
from leanpix.engine.judging.views import views
from leanpix.engine.judging.worst_place import WorstPlaces

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

_OPAQUE = 255
_GRAY_BANDS, _MOST_BANDS = 2, 4

_MAP_PIXELS = 1_500_000
_SHOWN_FROM, _MOST_HEAT, _MOST_COVER = 0.3, 2.0, 0.85
_YELLOW, _RED = np.array([255, 220, 0], np.float32), np.array([255, 0, 0], np.float32)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_DIMMED = 0.6


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a picture looks beside its reference.

    score: SSIMULACRA2, at most 100. worst: the worst place by each measure that says anything of the reference, the
    worst of all first. heat: (rows, columns) of 4 x 4 pixels each, how bad it looks there as a multiple of what is
    allowed; over 1, a person sees it.
    """

    score: float
    worst: tuple[WorstPlace, ...]
    heat: Plane


def score(reference: Pixels, picture: Pixels, *, kernel: Kernel = "auto") -> float:
    """The SSIMULACRA2 score of a picture against its reference, of the same sides.

    Both are uint8 sRGB: (H,W) or (H,W,1) gray, (H,W,2) gray with alpha, (H,W,3), or (H,W,4) with straight alpha. What
    has transparency is scored over a dark and a light ground, and the lower score counts. ValueError: other shapes or
    types, or sides that differ.
    """
    one, other, has_alpha = _alike(reference, picture)
    pairs = zip(views(one, has_alpha=has_alpha), views(other, has_alpha=has_alpha), strict=True)
    return min(Ssimulacra2(seen, kernel=kernel, keep_limit_bytes=0).score(made) for seen, made in pairs)


def compare(reference: Pixels, picture: Pixels) -> Comparison:
    """The score, the worst places and where it looks how bad; pictures and errors are those of `score`."""
    one, other, has_alpha = _alike(reference, picture)
    found = list[Comparison]()
    for seen, made in zip(views(one, has_alpha=has_alpha), views(other, has_alpha=has_alpha), strict=True):
        worst, heat = WorstPlaces(seen).worst_and_heat(made)
        found.append(Comparison(Ssimulacra2(seen, keep_limit_bytes=0).score(made), worst, heat))
    worst_of = max(found, key=lambda view: max((place.ratio for place in view.worst), default=0.0))
    heats = [view.heat for view in found]
    return Comparison(min(view.score for view in found), worst_of.worst, np.maximum.reduce(heats))


def heat_map(reference: Pixels, heat: Plane) -> Pixels:
    """The reference in dim gray and over it what looks bad: yellow up to what is allowed, red from twice that on.

    heat: a comparison's. (H,W,3), or with sides of a half or a quarter where the picture is larger than 1.5 megapixels.
    """
    seen = next(views(_banded(reference), has_alpha=_banded(reference).shape[2] in {_GRAY_BANDS, _MOST_BANDS}))
    factor = next((one for one in (1, 2) if seen.size // _bands(seen) <= _MAP_PIXELS * one**2), CELL_PX)
    small = seen[::factor, ::factor].astype(np.float32)
    light = (small if seen.ndim == 2 else small @ _LUMA) * np.float32(_DIMMED)  # noqa: PLR2004 - gray
    repeats = CELL_PX // factor
    spread = np.repeat(np.repeat(heat, repeats, 0), repeats, 1)[: light.shape[0], : light.shape[1], None]
    cover = np.clip((spread - _SHOWN_FROM) / (1 - _SHOWN_FROM), 0, 1) * np.float32(_MOST_COVER)
    colour = _YELLOW + np.clip((spread - 1) / (_MOST_HEAT - 1), 0, 1) * (_RED - _YELLOW)
    drawn: Pixels = (light[:, :, None] * (1 - cover) + colour * cover + np.float32(0.5)).astype(np.uint8)
    return drawn


def _alike(reference: Pixels, picture: Pixels) -> tuple[Pixels, Pixels, bool]:
    """Both with the same bands, and whether the last of them is alpha."""
    one, other = _banded(reference), _banded(picture)
    if one.shape[:2] != other.shape[:2]:
        sides = [f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in (one, other)]
        raise ValueError(f"the reference is {sides[0]} and the picture {sides[1]}: only the same sides have a score")
    both = [_apart(pixels) for pixels in (one, other)]
    if one.shape == other.shape and any(alpha is not None for _, alpha in both):
        return one, other, True  # a copy of a large one is too much
    is_gray = all(colour.shape[2] == 1 for colour, _ in both)
    colours = [colour if is_gray or colour.shape[2] > 1 else np.repeat(colour, 3, axis=2) for colour, _ in both]
    if all(alpha is None for _, alpha in both):
        return colours[0], colours[1], False
    opaque = np.full((*one.shape[:2], 1), _OPAQUE, np.uint8)
    alphas = [opaque if alpha is None else alpha for _, alpha in both]
    whole = [np.concatenate(pair, axis=2) for pair in zip(colours, alphas, strict=True)]
    return whole[0], whole[1], True


def _banded(pixels: Pixels) -> Pixels:
    banded = pixels[:, :, None] if pixels.ndim == 2 else pixels  # noqa: PLR2004 - gray without an axis for bands
    if banded.dtype != np.uint8 or banded.ndim != 3 or banded.shape[2] > _MOST_BANDS or 0 in banded.shape:  # noqa: PLR2004
        raise ValueError(f"pixels are {pixels.dtype}{pixels.shape}, not uint8 (H,W) or (H,W,1) to (H,W,4)")
    return banded


def _apart(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """The colour, and the alpha where it hides anything."""
    if pixels.shape[2] not in {_GRAY_BANDS, _MOST_BANDS}:
        return pixels, None
    alpha = pixels[:, :, -1:]
    return pixels[:, :, :-1], alpha if alpha.min() < _OPAQUE else None


def _bands(pixels: Pixels) -> int:
    return 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004 - rows and columns only: gray
