"""Which size a result gets: the arithmetic of width, height and fit, without any pixels."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.request import CompressionOptions, Fit
from leanpix.engine.facts import Limits, excessive


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the upright source that a result shows, in shares of its sides; beyond 0 to 1 where it is padded."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @classmethod
    def of(cls, box: tuple[int, int, int, int], width_px: int, height_px: int) -> Window:
        """A box of left, top, width and height in a picture of these sides."""
        left, top, wide, high = box
        return cls(left / width_px, top / height_px, wide / width_px, high / height_px)


WHOLE = Window()


@dataclass(frozen=True, slots=True)
class Geometry:
    """Scale the upright picture to scaled_*, then crop or pad it, centred, to width_px x height_px."""

    scaled_width_px: int
    scaled_height_px: int
    width_px: int
    height_px: int

    @property
    def pads(self) -> bool:
        """Whether room is left beside the picture."""
        return self.scaled_width_px < self.width_px or self.scaled_height_px < self.height_px

    @property
    def crops(self) -> bool:
        """Whether a part of the picture hangs over."""
        return self.scaled_width_px > self.width_px or self.scaled_height_px > self.height_px

    @property
    def window(self) -> Window:
        """What is shown where the middle is kept and the padding is even."""
        wide, high, canvas = self.scaled_width_px, self.scaled_height_px, (self.width_px, self.height_px)
        left, top = (
            (side - room) // 2 if side > room else -((room - side) // 2)
            for side, room in zip((wide, high), canvas, strict=True)
        )
        return Window.of((left, top, *canvas), wide, high)


def plan_geometry(width_px: int, height_px: int, options: CompressionOptions, limits: Limits) -> Geometry:
    """The result's size for an upright picture of width_px x height_px.

    One side alone keeps the proportions, at least 1 px. Raises TaskFailure where that makes the other too long.
    """
    wide, high = _wanted(width_px, height_px, options)
    if wide is None or high is None:
        scale = wide / width_px if wide is not None else (high / height_px if high is not None else 1.0)
        geometry = _plain(wide or _scaled(width_px, scale), high or _scaled(height_px, scale))
    elif options.fit is Fit.FILL:
        geometry = _plain(wide, high)
    else:
        geometry = _in_proportion(width_px, height_px, wide, high, options.fit)
    if max(geometry.width_px, geometry.height_px) > limits.max_side_px:
        raise excessive(f"the result would be {geometry.width_px} x {geometry.height_px} px")
    return geometry


def _wanted(width_px: int, height_px: int, options: CompressionOptions) -> tuple[int | None, int | None]:
    """The sides asked for; where nothing may be enlarged no larger than the picture's own."""
    wide, high = options.width_px, options.height_px
    if options.enlarge:
        return wide, high
    return wide and min(wide, width_px), high and min(high, height_px)


def _in_proportion(width_px: int, height_px: int, wide: int, high: int, fit: Fit) -> Geometry:
    ratios = (wide / width_px, high / height_px)
    scale = max(ratios) if fit is Fit.COVER else min(ratios)
    scaled = _scaled(width_px, scale), _scaled(height_px, scale)
    return _plain(*scaled) if fit is Fit.INSIDE else Geometry(*scaled, wide, high)


def _plain(width_px: int, height_px: int) -> Geometry:
    return Geometry(width_px, height_px, width_px, height_px)


def _scaled(side_px: int, scale: float) -> int:
    return max(1, round(side_px * scale))
