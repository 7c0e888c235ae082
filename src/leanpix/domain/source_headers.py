"""Fields that a caller wants sent with the request for its source: a shop's password, a page's cookie."""

from __future__ import annotations

import json
import re
from typing import Final

from leanpix.domain.errors import InvalidParameterError

SourceHeaders = tuple[tuple[str, str], ...]
"""Names as they are sent, and values, in the order in which they were given."""

NAMES: Final = {name.lower(): name for name in ("Authorization", "Cookie", "Referer")}
MAX_VALUE_CHARACTERS: Final = 4096
VALUE: Final = "[!-~](?:[ -~]{0,4094}[!-~])?"
_ALLOWED = f"an object of {', '.join(NAMES.values())}, each 1 to {MAX_VALUE_CHARACTERS} printable ASCII characters"


def parse_source_headers(text: str) -> SourceHeaders:
    """The fields of a JSON object; InvalidParameterError, which never repeats a value, for what is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidParameterError("source_headers", "(not shown)", _ALLOWED)
    fields = dict[str, str]()
    for name, value in found.items():
        plain = NAMES.get(name.lower())
        if plain is None or plain in fields:
            raise InvalidParameterError("source_headers", name, _ALLOWED)
        if not isinstance(value, str) or not re.fullmatch(VALUE, value):
            raise InvalidParameterError("source_headers", f"{plain}: (not shown)", _ALLOWED)
        fields[plain] = value
    return tuple(fields.items())
