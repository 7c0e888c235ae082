"""A small JSON object as a request's body, each field checked by name."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.requests import Request

from leanpix.domain.errors import BodyError, InvalidParameterError

_MOST_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Fields:
    """The object's fields; null counts as not given. Every getter raises InvalidParameterError."""

    values: dict[str, object]

    def text(self, name: str) -> str:
        """A text, empty where it is not given; what no database stores is replaced: zero bytes, half surrogates."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidParameterError(name, value, "a text")
        return (value or "").encode("utf-8", "replace").decode().replace("\0", "\ufffd")

    def integer(self, name: str, lowest: int, highest: int) -> int | None:
        """An integer within bounds, or None where it is not given; JSON may spell it 5.0."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise InvalidParameterError(name, value, f"an integer from {lowest} to {highest}")
        return value

    def number(self, name: str) -> float | None:
        """A finite number, or None where it is not given."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _HUGE:
            raise InvalidParameterError(name, value, "a number")
        return float(value)

    def flag(self, name: str) -> bool:
        """True or False; False where it is not given."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise InvalidParameterError(name, value, "true or false")
        return bool(value)


_HUGE = 1e9


async def read_fields(request: Request) -> Fields:
    """Read the body; BodyError where it is no JSON object, or a long one."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise BodyError(f"the JSON body exceeds {_MOST_BYTES} bytes")
    try:
        found = json.loads(bytes(body) or b"{}")
    except (ValueError, RecursionError) as failure:
        raise BodyError("the body is not valid JSON") from failure
    if not isinstance(found, dict):
        raise BodyError("the body has to be a JSON object")
    return Fields(found)
