"""Processes that decode and encode; each kind is imported by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leanpix.worker.children.pool import CompressorPool
    from leanpix.worker.children.reused_pool import ReusedPool
    from leanpix.worker.settings import WorkerSettings


def make_pool(settings: WorkerSettings) -> CompressorPool:
    """The killable processes that decode and encode."""
    from leanpix.worker.children.pool import CompressorPool  # noqa: PLC0415 - imported when it is used

    return CompressorPool(settings)


def make_reused_pool(settings: WorkerSettings) -> ReusedPool:
    """Killable processes that are used again, for one person's own pictures."""
    from leanpix.worker.children.reused_pool import ReusedPool  # noqa: PLC0415 - imported when it is used

    return ReusedPool(settings)
