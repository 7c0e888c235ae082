"""Conditional and partial reads of content that never changes under its name (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class RangeNotSatisfiableError(ValueError):
    """The range begins behind the content's end."""


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether an If-None-Match field says that the client has this content already."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def wanted_range(header: str | None, size_bytes: int, etag: str, if_range: str | None) -> range | None:
    """The offsets that a Range field asks for; None for the whole: no such field, several ranges, another version.

    Raises RangeNotSatisfiableError.
    """
    found = None if header is None else _ONE_RANGE.fullmatch(header.strip())
    if found is None or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        wanted = range(max(0, size_bytes - int(last)), size_bytes)
    elif last and int(last) < int(first):
        return None  # no range at all: the field counts as not sent
    else:
        wanted = range(int(first), min(int(last) + 1, size_bytes) if last else size_bytes)
    if not wanted:
        raise RangeNotSatisfiableError
    return wanted
