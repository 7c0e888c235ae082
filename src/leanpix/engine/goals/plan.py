"""Decide before encoding: the output format, and what the source's own bytes may stand in for."""

from __future__ import annotations

import math

import numpy as np

from leanpix.domain.choosing import recommended
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.priors import FILE_RATES, LIKELY_OVER, RATES_TO_SIZE, SIDES_ROOM
from leanpix.engine.content.samples import texture
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.probe import Probe

_FOUR_BANDS = 4
"""Without alpha that is CMYK."""


def decoding_target(probe: Probe, asked: OutputFormat | None) -> OutputFormat:
    """The format to decode for: what was asked, or the source's own, or one that loses nothing yet.

    An animation or alpha is only kept for a target that can hold it, so the one for those is taken right here.
    """
    if asked is not None:
        return asked
    if probe.format.default_output is not None:
        return probe.format.default_output
    return recommended(is_animated=probe.is_animated, is_transparent=probe.has_alpha, is_drawn=True)


def recommend(probe: Probe, raster: Raster, options: CompressionOptions) -> OutputFormat:
    """The format for a source that results cannot be written in: by what its pixels turned out to be."""
    if probe.format.default_output is not None:
        return probe.format.default_output
    is_animated, is_transparent = raster.frames > 1, raster.is_transparent
    is_drawn = not is_animated and not is_transparent and texture(raster.pixels).is_screen_content
    return recommended(
        is_animated=is_animated,
        is_transparent=is_transparent,
        is_drawn=is_drawn,
        has_target_size=options.max_bytes is not None,
    )


def alternatives(probe: Probe, options: CompressionOptions) -> tuple[OutputFormat, ...]:
    """Which of the formats that were asked for by turns can win without losing what the source shows; at least one.

    What keeps every pixel, the slowest by far, is not tried beside one that is lossy with transparency on a source that
    was lossy already: its files are several times as large there.
    """
    asked = options.alternatives
    losing = set[OutputFormat]()
    if options.max_bytes is not None:
        losing |= {one for one in asked if not one.facts.has_target_size}
    if any(one.facts.is_lossy_with_alpha for one in asked) and not probe.is_lossless:
        losing |= {one for one in asked if one.facts.is_lossless_only}
    if any(one.facts.is_animated for one in asked) and probe.is_animated:
        losing |= {one for one in asked if not one.facts.is_animated}
    if probe.has_alpha and options.background is None:
        losing |= {one for one in asked if not one.facts.has_alpha}
    return tuple(one for one in asked if one not in losing) or asked


def sides_far_below(
    probe: Probe, picture_bytes: int, target: OutputFormat, options: CompressionOptions
) -> tuple[int, int] | None:
    """The sides to decode a lossy source at whose result has to be far smaller; None: its own, for those may do.

    At a size that even the lowest quality is likely to be over, all that is decoded beyond these is thrown away. How
    busy the picture is, its own bytes at its own quality tell.
    """
    rates, file_rates = RATES_TO_SIZE.get(target), FILE_RATES.get(probe.format)
    if options.max_bytes is None or options.changes_dimensions or probe.quality is None:
        return None
    if rates is None or file_rates is None:
        return None
    lowest, detailed = rates
    wanted = math.log(8 * options.max_bytes / probe.pixels)
    own = math.log(8 * picture_bytes / probe.pixels)
    qualities, typical = zip(*file_rates, strict=True)
    busier = own - float(np.interp(float(probe.quality), qualities, typical))
    if wanted > lowest + busier - LIKELY_OVER:
        return None
    scale = SIDES_ROOM * math.exp((wanted - detailed - busier) / 2)
    if scale >= 1:
        return None
    return max(1, round(scale * probe.width_px)), max(1, round(scale * probe.height_px))


def keeps_dimensions(picture: Picture) -> bool:
    """Whether the result has the source's own dimensions."""
    return (picture.width_px, picture.height_px) == (picture.probe.width_px, picture.probe.height_px)


def may_keep_file(picture: Picture, takes_file_of: frozenset[SourceFormat]) -> bool:
    """Whether the source's own file, stripped of metadata, shows the same picture as the result would.

    It does not when the format is none that the codec takes over, when the dimensions change, when EXIF turned it, when
    an animation was dropped, when its colours are no web page's (CMYK) or when it was damaged.
    """
    probe = picture.probe
    return (
        probe.format in takes_file_of
        and not picture.is_mended
        and keeps_dimensions(picture)
        and probe.orientation == 1
        and probe.frames == picture.frames
        and (probe.bands < _FOUR_BANDS or probe.has_alpha)
    )


def may_race_file(picture: Picture) -> bool:
    """Whether the kept file also has the result's very pixels: no profile was converted on the way."""
    return not picture.probe.has_profile or picture.icc_profile is not None or picture.says_srgb
