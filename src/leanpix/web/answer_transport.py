"""What is written to a connection: counted, and with header names spelt as they are in print.

uvicorn writes `content-length`. HTTP has names in any case, but clients look them up by the very letters: Tinify's
official one for Ruby does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

_NAME = re.compile(rb"[a-z][a-z0-9-]*")
_ODD = {b"etag": b"ETag", b"www-authenticate": b"WWW-Authenticate", b"x-api-key": b"X-API-KEY"}
_SPELT: dict[bytes, bytes] = {}
_MOST_SPELT = 256
_INTERIM = b"HTTP/1.1 1"


def spelt(head: bytes) -> bytes:
    """An answer's head with its names spelt so; behind its empty line all stays as it is."""
    lines, blank, body = head.partition(b"\r\n\r\n")
    status, *fields = lines.split(b"\r\n")
    named = [field.partition(b":") for field in fields]
    return b"\r\n".join(
        [status, *[(_SPELT.get(name) or _spelling(name)) + colon + rest for name, colon, rest in named]]
    ) + (blank + body)


def _spelling(name: bytes) -> bytes:
    """As it is in print; kept for the next answer, of which each has much the same names."""
    spelling = _ODD.get(name) or (name.title() if _NAME.fullmatch(name) else name)
    if len(_SPELT) < _MOST_SPELT:
        _SPELT[name] = spelling
    return spelling


class AnswerTransport:
    """A transport that counts what is written to it and spells the names in heads; in all else the one behind it.

    answer tells which answer is being written, by identity: the first bytes of each are its head.
    """

    def __init__(self, transport: asyncio.Transport, answer: Callable[[], object]) -> None:
        self._transport, self._answer = transport, answer
        self._begun: object = None
        self.written_bytes = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Count and write; the head of an answer comes in one piece."""
        answer = self._answer()
        if answer is not self._begun and not data.startswith(_INTERIM):
            self._begun, data = answer, spelt(data)
        self.written_bytes += len(data)
        self._transport.write(data)
