"""What a child does with its picture: read the header, give up all memory and time that it cannot need, compress."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import suppress

from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.engine.compress import compress
from leanpix.engine.facts import Limits
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import ResourceBudget, resource_budget
from leanpix.worker.sandbox.kernel import prctl

# Up to about 11 MP. Beyond it large pages can be the dearer ones: of memory that a virtual machine has not used
# before, each costs what its host needs to find all of it (64 MP: 0.4 to 1.4 s instead of 0.25).
_LARGE_PAGES_BYTES = 256 * 1024 * 1024
_PR_SET_THP_DISABLE = 41


def compress_within_budget(
    source: bytes,
    options: CompressionOptions,
    *,
    on_phase: Callable[[str], None] | None = None,
    on_need: Callable[[int], None] | None = None,
) -> Compression:
    """The engine's compress, in a process that keeps the limits of this picture for the rest of its life.

    on_need is told the bytes of memory that the picture is promised before a pixel is decoded; until then nothing
    but Python has looked at the source. It returns once they are free.
    """
    limits = Limits()
    facts = probe(source, limits)
    budget = resource_budget(facts, options)
    if on_need is not None:
        on_need(budget.memory_bytes)
    apply_rlimits(budget)
    choose_pages(budget.memory_bytes)
    return compress(source, options, limits, facts=facts, on_phase=on_phase)


def apply_rlimits(budget: ResourceBudget) -> None:
    """Lower this process's limits to this budget; limits that are lower already stay."""
    for name, value in ((resource.RLIMIT_AS, budget.address_bytes), (resource.RLIMIT_CPU, budget.cpu_s)):
        soft, hard = resource.getrlimit(name)
        resource.setrlimit(name, (_lower(soft, value), hard if name == resource.RLIMIT_CPU else _lower(hard, value)))


def choose_pages(memory_bytes: int) -> None:
    """Large pages for a picture that takes so much memory, or the machine's own."""
    with suppress(OSError):  # it is a matter of speed only
        prctl(_PR_SET_THP_DISABLE, int(memory_bytes > _LARGE_PAGES_BYTES))


def _lower(present: int, value: int) -> int:
    return value if present == resource.RLIM_INFINITY else min(present, value)
