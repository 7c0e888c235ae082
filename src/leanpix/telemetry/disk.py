"""A disk that fills up, in the log: when work begins to be refused, now and then while it is, and when that is over."""

from __future__ import annotations

from collections.abc import Callable

from leanpix.domain.room import Room
from leanpix.telemetry.structured import structlog

_AGAIN_S = 600.0


class DiskWatch:
    """look gives the room, or None where a store has no end; monotonic gives seconds."""

    def __init__(self, look: Callable[[], Room | None], monotonic: Callable[[], float]) -> None:
        self._look, self._monotonic = look, monotonic
        self._warned_at: float | None = None

    def __call__(self) -> None:
        """Look, and write a line where there is something to tell."""
        room = self._look()
        if room is None:
            return
        figures = {
            "free_bytes": room.free_bytes,
            "kept_free_bytes": room.kept_free_bytes,
            "total_bytes": room.total_bytes,
        }
        if room.is_enough:
            if self._warned_at is not None:
                structlog.get_logger().info("disk has room again", **figures)
            self._warned_at = None
        elif self._warned_at is None or self._monotonic() - self._warned_at >= _AGAIN_S:
            self._warned_at = self._monotonic()
            structlog.get_logger().warning("disk full: new work is refused", **figures)
