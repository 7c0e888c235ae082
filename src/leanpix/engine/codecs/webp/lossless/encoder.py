"""WebP without loss for large pictures (RFC 9649, section 3), for which libwebp takes 16 bytes a pixel and more.

What a picture is turned into is chosen on strips of it: numbers in a table of colours, or differences from what is
predicted, each with or without a cache of colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leanpix.engine.codecs.palette_native import NativePalettes, native_palettes
from leanpix.engine.codecs.webp.lossless.alpha_native import GREENS, NativePlanes, native_planes
from leanpix.engine.codecs.webp.lossless.code_groups import grouped
from leanpix.engine.codecs.webp.lossless.colour_native import (
    CACHE_BITS,
    DISTANCE_EXTRAS,
    LENGTH_EXTRAS,
    VALUES,
    ColourTokens,
    Counts,
    Grouping,
    NativeColours,
    Pixels,
    Transformed,
    by_kind,
    native_colours,
)
from leanpix.engine.codecs.webp.lossless.parts import (
    bundle_power,
    end_transforms,
    put_colour_indexing,
    put_plane,
    put_transform,
)
from leanpix.engine.codecs.webp.lossless.prefix_codes import Bits, PrefixCode, put_code
from leanpix.engine.content.samples import strips_within

MAX_SIDE_PX = 1 << 14
_SIGNATURE = 0x2F
_PREDICTOR, _SUBTRACT_GREEN = 0, 2
_TILE_BITS = 5
_UNIFORM_COST, _PLAIN_COST = 1.03, 1.05
"""Tiles with predictors of their own gain most from groups of codes, which strips are tried without: the same predictor
everywhere, or none, has to be so much better on these."""

_LEAST_BITS = 2
"""Of a tile's side."""

_GROUPED_BITS, _MOST_TILES = 5, 4096
"""Of tiles that may have a group of codes of their own: their least side, and how many there are at most."""

_STRIP_ROWS = 32
"""Of each of twelve strips, one somewhere in each twelfth: at one distance all may meet the same rows of what repeats.
16 rows are too few to choose by, 64 find nothing more (docs/decisions/0161)."""


@dataclass(frozen=True, slots=True)
class LosslessKernels:
    """The native code that it takes."""

    colours: NativeColours
    planes: NativePlanes
    palettes: NativePalettes


def lossless_kernels() -> LosslessKernels | None:
    """All of it, or None."""
    colours, planes, palettes = native_colours(), native_planes(), native_palettes()
    if colours is None or planes is None or palettes is None:
        return None
    return LosslessKernels(colours, planes, palettes)


@dataclass(frozen=True, slots=True)
class _Way:
    """What a picture is turned into, and how many bits the cache of colours has."""

    picture: Transformed
    cache_bits: int

    @property
    def is_uniform(self) -> bool:
        """Whether all tiles have the same predictor."""
        modes = self.picture.modes
        return modes is not None and bool((modes == modes[0, 0]).all())

    @property
    def handicap(self) -> float:
        """What its cost on strips is multiplied by."""
        if self.picture.modes is None:
            return _PLAIN_COST
        return _UNIFORM_COST if self.is_uniform else 1.0


def encode_lossless(pixels: Pixels, kernels: LosslessKernels) -> bytes:
    """The payload of a VP8L chunk of (rows, width, 1 to 4) C-contiguous pixels; where alpha is 0, all are.

    MemoryError.
    """
    rows, width, bands = pixels.shape
    way = _chosen(pixels, kernels)
    bits = Bits()
    bits.put(_SIGNATURE, 8)
    bits.put(width - 1, 14)
    bits.put(rows - 1, 14)
    bits.put(bands % 2 == 0, 1)
    bits.put(0, 3)  # the version
    _put_transforms(bits, way.picture, kernels.planes)
    with kernels.colours.tokens(way.picture, way.cache_bits) as tokens:
        _put_tokens(bits, tokens, kernels.planes)
    return bytes(bits.filled())


def _chosen(pixels: Pixels, kernels: LosslessKernels) -> _Way:
    sample = _sample(pixels)
    table = kernels.palettes.few_colours(pixels)
    ways = list(_ways(sample, table, kernels.colours))
    best = min(ways, key=lambda way: _cost(way, kernels) * way.handicap)
    return replace(best, picture=_whole(best, pixels, kernels.colours))


def _whole(way: _Way, pixels: Pixels, kernel: NativeColours) -> Transformed:
    """The same done to all of a picture."""
    picture, modes = replace(way.picture, pixels=pixels), way.picture.modes
    if modes is None:
        return picture
    if way.is_uniform:
        down, across = (-(-side >> picture.tile_bits) for side in pixels.shape[:2])
        return replace(picture, modes=np.full((down, across), modes[0, 0]))
    return replace(picture, modes=kernel.modes(picture))


def _ways(sample: Pixels, table: Pixels | None, kernel: NativeColours) -> Iterator[_Way]:
    pictures = [Transformed(sample)] if table is None else [_indexed(sample, table)]
    for is_green_subtracted in (False, True):
        predicted = Transformed(sample, is_green_subtracted=is_green_subtracted, tile_bits=_TILE_BITS)
        modes = kernel.modes(predicted)
        pictures.append(replace(predicted, modes=modes))
    # On a plain gradient what is left of each row repeats if all tiles have the same predictor.
    pictures.append(replace(predicted, modes=np.full_like(modes, np.bincount(modes.reshape(-1)).argmax())))
    for picture in pictures:
        yield _Way(picture, 0)
        yield _Way(picture, CACHE_BITS)


def _indexed(pixels: Pixels, table: Pixels) -> Transformed:
    """By a table of RGBA colours."""
    red, green, blue, alpha = table.astype(np.uint32).T
    colours = np.sort(alpha << 24 | red << 16 | green << 8 | blue).astype(np.uint32)
    return Transformed(pixels, colours, bundle_power(len(colours)))


def _sample(pixels: Pixels) -> Pixels:
    """Strips of a large picture, at no two equal distances."""
    strips = strips_within(pixels, _STRIP_ROWS)
    return pixels if pixels.shape[0] <= len(strips) * _STRIP_ROWS else np.concatenate(strips)


def _cost(way: _Way, kernels: LosslessKernels) -> float:
    """Bits by codes of one group."""
    with kernels.colours.tokens(way.picture, way.cache_bits) as tokens:
        counts = tokens.counts(_one_group(way.picture))[0]
    return sum(map(_entropy, by_kind(counts))) + _extra_bits(counts)


def _entropy(counts: NDArray[np.uint32]) -> float:
    used = counts[counts > 0].astype(np.float64)
    return float((used * np.log2(used.sum() / used)).sum()) if used.size else 0.0


def _extra_bits(counts: NDArray[np.uint32]) -> int:
    lengths, distances = counts[VALUES:GREENS], by_kind(counts)[-1]
    return int(lengths @ LENGTH_EXTRAS) + int(distances @ DISTANCE_EXTRAS)


def _one_group(picture: Transformed) -> Grouping:
    bits = max(picture.coded_width, picture.pixels.shape[0]).bit_length()
    return Grouping(np.zeros(1, np.uint16), bits, 1)


def _put_transforms(bits: Bits, picture: Transformed, planes: NativePlanes) -> None:
    if picture.colours is not None:
        put_colour_indexing(bits, picture.colours.tolist())
    if picture.is_green_subtracted:
        put_transform(bits, _SUBTRACT_GREEN)
    if picture.modes is not None:
        put_transform(bits, _PREDICTOR)
        bits.put(picture.tile_bits - _LEAST_BITS, 3)
        bits.put(0, 1)  # no cache of colours
        put_plane(bits, picture.modes, planes)
    end_transforms(bits)


def _put_tokens(bits: Bits, tokens: ColourTokens, planes: NativePlanes) -> None:
    has_cache = tokens.cache_bits > 0
    bits.put(has_cache, 1)
    if has_cache:
        bits.put(tokens.cache_bits, 4)
    grouping, shape = _grouping(tokens)
    counts = tokens.counts(grouping)
    bits.put(grouping.count > 1, 1)
    if grouping.count > 1:
        bits.put(grouping.bits - _LEAST_BITS, 3)
        bits.put(0, 1)  # no cache of colours
        put_plane(bits, grouping.groups.reshape(shape).astype(np.uint8), planes)
    codes = [_put_codes(bits, group, has_cache=has_cache) for group in counts]
    tokens.put(grouping, codes, bits, _coded_bits(counts, codes))


def _grouping(tokens: ColourTokens) -> tuple[Grouping, tuple[int, int]]:
    rows, width = tokens.picture.pixels.shape[0], tokens.picture.coded_width
    bits = _GROUPED_BITS
    while (-(-rows >> bits)) * (-(-width >> bits)) > _MOST_TILES:
        bits += 1
    shape = (-(-rows >> bits), -(-width >> bits))
    count = shape[0] * shape[1]
    tiles = Grouping(np.arange(count, dtype=np.uint16), bits, count)
    groups = grouped(tokens.counts(tiles))
    return Grouping(groups, bits, int(groups.max()) + 1), shape


def _put_codes(bits: Bits, counts: NDArray[np.uint32], *, has_cache: bool) -> list[PrefixCode]:
    kinds = by_kind(counts)
    if not has_cache:
        kinds[0] = kinds[0][:GREENS]
    return [put_code(bits, kind.tolist()) for kind in kinds]


def _coded_bits(counts: Counts, codes: list[list[PrefixCode]]) -> int:
    """How many bits all tokens take."""
    total = 0
    for group, own in zip(counts, codes, strict=True):
        for kind, code in zip(by_kind(group), own, strict=True):
            total += int(kind[: len(code.lengths)].astype(np.int64) @ np.array(code.lengths, np.int64))
        total += _extra_bits(group)
    return total
