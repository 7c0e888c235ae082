"""What is written to a connection: counted, and with header names spelt as they are in print.

uvicorn writes `content-length`. HTTP has names in any case, but clients look them up by the very letters: Tinify's
official one for Ruby does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

_NAME = re.compile(rb"\r\n([a-z][a-z0-9-]*):")
_ODD = {b"etag": b"ETag", b"www-authenticate": b"WWW-Authenticate", b"x-api-key": b"X-API-KEY"}
_INTERIM = b"HTTP/1.1 1"


def spelt(head: bytes) -> bytes:
    """An answer's head with its names spelt so."""
    return _NAME.sub(lambda found: b"\r\n" + (_ODD.get(found[1]) or found[1].title()) + b":", head)


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
