"""Processes that decode and encode; each kind is imported by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leanpix.worker.children.pool import CompressorPool
    from leanpix.worker.settings import WorkerSettings


def make_pool(settings: WorkerSettings) -> CompressorPool:
    """The killable processes that decode and encode."""
    from leanpix.worker.children.pool import CompressorPool  # noqa: PLC0415 - imported when it is used

    return CompressorPool(settings)
