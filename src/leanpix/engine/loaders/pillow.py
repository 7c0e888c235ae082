"""What Pillow's readers raise, translated in one place.

They are called by their class, never by `Image.open`: so no other of Pillow's formats is ever tried.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from leanpix.engine.headers.base import damaged


@contextmanager
def pillow_errors(what: str) -> Iterator[None]:
    """Turn what Pillow raises on bytes that it cannot read into a damaged source."""
    try:
        yield
    except (OSError, EOFError, SyntaxError, ValueError, IndexError, KeyError, TypeError, struct.error) as error:
        raise damaged(f"the {what} data is damaged or cut short") from error
