"""What the children of bench/pool.py run: nothing, with a result of a third of the source."""

from __future__ import annotations

from collections.abc import Callable

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import Compression, Report
from leanpix.domain.request import CompressionOptions


def nothing(
    source: bytes,
    options: CompressionOptions,
    *,
    on_phase: Callable[[str], None] | None = None,
    on_need: Callable[[int], None] | None = None,
) -> Compression:
    """A result at once: all the time that passes is the pool's."""
    assert options.quality  # noqa: S101 - a benchmark's own check
    if on_need is not None:
        on_need(0)
    if on_phase is not None:
        on_phase("encoding")
    data = b"\xff\xd8\xff" + source[3 : 3 + len(source) // 3]
    size = len(data)
    return Compression(data, Report(len(source), SourceFormat.JPG, 1, 1, size, OutputFormat.JPG, 1, 1, "none"))
