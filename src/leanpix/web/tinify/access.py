"""The key as these clients send it: the password of HTTP Basic authentication."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request

_LONGEST = 1024


def key_of(request: Request) -> str | None:
    """The key, or None where there is none that could be read; the user's name, `api`, is of no account."""
    scheme, _, encoded = request.headers.get("authorization", "")[:_LONGEST].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return pair.partition(":")[2] or None
