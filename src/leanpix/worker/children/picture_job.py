"""What a child does with its picture: read the header, say what it needs at most, compress."""

from __future__ import annotations

from collections.abc import Callable

from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.engine.codecs.jpeg_packing import PACKING_LIMITS, repacked
from leanpix.engine.comparing import compared, opened_pair
from leanpix.engine.compress import compress
from leanpix.engine.facts import Limits
from leanpix.engine.picture_set import compress_set
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import ResourceBudget, comparison_budget, resource_budget
from leanpix.worker.sandbox.kernel import allow_large_pages

# Up to about 11 MP. Beyond it large pages can be the dearer ones: of memory that a virtual machine has not used
# before, each costs what its host needs to find all of it (64 MP: 0.4 to 1.4 s instead of 0.25).
_LARGE_PAGES_BYTES = 256 * 1024 * 1024


def compress_within_budget(
    source: bytes,
    options: CompressionOptions,
    *,
    on_phase: Callable[[str], None] | None = None,
    on_need: Callable[[ResourceBudget], None] | None = None,
) -> Compression:
    """The engine's compress.

    on_need is told what the picture needs before a pixel is decoded; until then nothing but Python has looked at the
    source. It returns once the memory is free and this process is held to that budget.
    """
    if options.compares:
        pair = opened_pair(source)
        _take(comparison_budget(pair.reference_facts, pair.picture_facts), on_need)
        return compared(pair)
    limits = Limits() if options.packing is None else PACKING_LIMITS
    facts = probe(source, limits)
    _take(resource_budget(facts, options), on_need)
    if options.packing is not None:
        return repacked(source, options.packing, facts)
    made = compress_set if options.widths else compress
    return made(source, options, limits, facts=facts, on_phase=on_phase)


def _take(budget: ResourceBudget, on_need: Callable[[ResourceBudget], None] | None) -> None:
    if on_need is not None:
        on_need(budget)
    allow_large_pages(budget.memory_bytes <= _LARGE_PAGES_BYTES)
