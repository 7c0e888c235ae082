"""A request's body as it comes, and the end of a refused one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from leanpix.domain.errors import CallerError

_DRAIN_FACTOR = 2
_DRAIN_S = 10.0


@asynccontextmanager
async def body_of(request: Request, max_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
    """The body's chunks; a refused body is read to its end, within bounds, so that the client can see the answer.

    max_bytes: how much a body that is not refused may hold.
    """
    chunks = request.stream()
    try:
        async with aclosing(_not_empty(chunks)) as body:
            yield body
    except CallerError:
        await _drain(chunks, max_bytes * _DRAIN_FACTOR)
        raise


async def _not_empty(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        if chunk:
            yield chunk


async def _drain(chunks: AsyncIterator[bytes], max_bytes: int) -> None:
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for chunk in chunks:
                max_bytes -= len(chunk)
                if max_bytes < 0:
                    return
    except (TimeoutError, ClientDisconnect):
        return
