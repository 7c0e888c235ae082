"""Processes that decode and encode."""

from __future__ import annotations

from leanpix.settings import Settings
from leanpix.worker.pool import CompressorPool
from leanpix.worker.reused_pool import ReusedPool


def make_pool(settings: Settings) -> CompressorPool:
    """The killable processes that decode and encode."""
    return CompressorPool(settings)


def make_reused_pool(settings: Settings) -> ReusedPool:
    """Killable processes that are used again, for one person's own pictures."""
    return ReusedPool(settings)
