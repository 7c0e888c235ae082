"""Which parts of a picture share a set of prefix codes (RFC 9649, section 3.7.2.2), from what occurs in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.webp.lossless.colour_native import Counts, by_kind

MOST_GROUPS = 64
_LONGEST = 15.0
_HEADER_BITS = 6
"""About what a symbol that occurs takes in a code's description."""

_ROUNDS = 2

Floats = NDArray[np.float32]


def grouped(counts: Counts) -> NDArray[np.uint16]:
    """The group of each of the tiles whose (tiles, SYMBOLS) counts are given, numbered from 0 on.

    Beginning with one for all, of each group the tile that its codes suit worst gets a group of its own, all choose
    anew, and so on until the groups' descriptions take more than they save.
    """
    tiles = counts.astype(np.float32)
    own = _own_costs(tiles)
    groups = np.zeros(len(tiles), np.intp)
    costs = _costs(tiles, groups)
    while True:
        tried = _parted(groups, _chosen(costs, groups) - own)
        for _ in range(_ROUNDS):
            tried = _numbered(np.argmin(_costs(tiles, tried), axis=1))
        new = _costs(tiles, tried)
        if _total(new, tiles, tried) >= _total(costs, tiles, groups):
            return groups.astype(np.uint16)
        groups, costs = tried, new
        if groups.max() >= MOST_GROUPS // 2:
            return groups.astype(np.uint16)


def _parted(groups: NDArray[np.intp], excess: Floats) -> NDArray[np.intp]:
    """Of each group the tile of the greatest excess in a new one."""
    tried, number = groups.copy(), int(groups.max()) + 1
    for group in range(number):
        members = np.flatnonzero(groups == group)
        tried[members[np.argmax(excess[members])]] = number + group
    return _numbered(tried)


def _numbered(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Without numbers that nothing has."""
    return np.unique(groups, return_inverse=True)[1]


def _chosen(costs: Floats, groups: NDArray[np.intp]) -> Floats:
    return np.take_along_axis(costs, groups[:, None], axis=1)[:, 0]


def _total(costs: Floats, tiles: Floats, groups: NDArray[np.intp]) -> float:
    """Bits of all tiles and of the groups' codes."""
    used = sum(int(np.count_nonzero(tiles[groups == group].sum(axis=0))) for group in np.unique(groups))
    return float(_chosen(costs, groups).sum(dtype=np.float64)) + _HEADER_BITS * used


def _costs(tiles: Floats, groups: NDArray[np.intp]) -> Floats:
    """(tiles, groups): what each tile takes by the codes of each group."""
    member = (np.arange(groups.max() + 1)[:, None] == groups[None, :]).astype(np.float32)
    return tiles @ _bits(member @ tiles).T


def _own_costs(tiles: Floats) -> Floats:
    """What each takes by codes of its own."""
    costs: Floats = np.einsum("ij,ij->i", tiles, _bits(tiles))
    return costs


def _bits(sums: Floats) -> Floats:
    """Of each symbol, by how often it occurs in its kind: a seldom one has 15 at most, as has one that does not."""
    parts = []
    for part in by_kind(sums):
        total = np.maximum(part.sum(axis=1, keepdims=True), 1)
        bits = np.minimum(np.log2(total / np.maximum(part, 1e-9)), _LONGEST)
        parts.append(np.where(part == total, 0, np.maximum(bits, 1)))
    return np.concatenate(parts, axis=1, dtype=np.float32)
