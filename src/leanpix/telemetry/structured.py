"""structlog, imported as where rich is not installed.

With rich it colours tracebacks, and loads 100 modules for that. Ours are text before it sees them (`format_exc_info`),
on a screen too, so a server would hold these modules for nothing (docs/decisions/0320). Whoever logs imports structlog
from here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _as_if_missing(name: str) -> Iterator[None]:
    """Within the block an import of this package fails as where it is not installed; one that is loaded stays so."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # what the import system documents for this
    try:
        yield
    finally:
        del sys.modules[name]


with _as_if_missing("rich"):
    import structlog

__all__ = ["structlog"]
