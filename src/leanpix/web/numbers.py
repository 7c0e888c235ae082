"""Numbers in the query string."""

from __future__ import annotations

from starlette.requests import Request

from leanpix.domain.errors import InvalidParameterError


def number_in(request: Request, name: str, default: int, lowest: int, highest: int) -> int:
    """A decimal integer within bounds, the default where it is not given; InvalidParameterError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    if not is_number or not lowest <= int(text) <= highest:
        raise InvalidParameterError(name, text, f"an integer from {lowest} to {highest}")
    return int(text)
