"""Sizes as people read them."""

from __future__ import annotations

_UNITS = ("B", "KB", "MB", "GB", "TB")
_STEP = 1024
_MOST_SHOWN = 999.5


def shown_size(size_bytes: int) -> str:
    """Bytes with three significant digits: 1 KB is 1024 bytes, as in `--max-kb`, the API and on the page."""
    size, unit = float(size_bytes), 0
    while size >= _MOST_SHOWN and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.{0 if unit == 0 else _digits(size)}f} {_UNITS[unit]}"


def _digits(size: float) -> int:
    """Decimal places that make three significant digits of what is shown: 99.95 is shown as 100."""
    return next((digits for digits, limit in ((2, 9.995), (1, 99.95)) if size < limit), 0)
