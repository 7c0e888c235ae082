"""Forms and files as a request has them, without a server."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from leanpix.domain.source_headers import SourceHeaders
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.service.spool import MemoryRoom, SpoolFile
from leanpix.web.body import SINGLE, BodyRules, Form, read_form


def uncounted(_bytes: int) -> None:
    """Bytes that nobody counts."""


def spool_file() -> SpoolFile:
    return SpoolFile(Path(tempfile.gettempdir()), uncounted, MemoryRoom(0))


def form(max_file_bytes: int, rules: BodyRules = SINGLE, use: Callable[[int], None] = uncounted) -> Form:
    return Form(spool_file, use, max_file_bytes, rules)


def read(
    content_type: str, query: str, chunks: Iterable[bytes], max_file_bytes: int, rules: BodyRules = SINGLE
) -> Form:
    """A body that comes in these chunks, as a form."""

    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return asyncio.run(read_form(content_type, query, arriving(), form(max_file_bytes, rules)))


def content_of(file: SpoolFile) -> bytes:
    content = file.content()
    return content if isinstance(content, bytes) else content.read_bytes()


def fetched(fetcher: SafeFetcher, url: str, headers: SourceHeaders = ()) -> bytes:
    """What is behind the URL."""
    content = io.BytesIO()
    fetcher.fetch(url, content, headers)
    return content.getvalue()
