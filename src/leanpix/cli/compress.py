"""`leanpix compress`: the engine without a server."""

from __future__ import annotations


def compress() -> None:
    """Compress files."""
