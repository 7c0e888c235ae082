"""A request's body as it comes, and the end of a refused one."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from leanpix.domain.account import Account
from leanpix.domain.errors import BodyError, CallerError, UploadTooLargeError
from leanpix.service.spool import Share
from leanpix.web.context import context_of

_DRAIN_FACTOR = 2
_DRAIN_S = 10.0
_GZIP_WBITS, _PIECE_BYTES = 31, 64 * 1024


@asynccontextmanager
async def reserved_body(
    request: Request, account: Account, max_bytes: int
) -> AsyncIterator[tuple[Share, AsyncIterator[bytes]]]:
    """The share of the bytes in flight that the request may use, and its body.

    A body that says it is too long, or that there is no room for, is refused before a byte of it is read: a client that
    asks first (`Expect: 100-continue`) is told so, and what others send unasked is read by nobody, within the bounds of
    slow bodies. Raises UploadTooLargeError, InFlightError, StorageFullError.
    """
    announced = _announced(request)
    if announced > max_bytes:
        raise UploadTooLargeError(f"the request body exceeds {max_bytes} bytes")
    share = context_of(request).spool.share(account.id, announced)
    try:
        async with drained_body(request, max_bytes) as body:
            yield share, body
    finally:
        share.close()


def _announced(request: Request) -> int:
    """How long the body says it is; 0 where it does not say."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


@asynccontextmanager
async def drained_body(request: Request, max_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
    """The body's chunks; a refused body is read to its end, within bounds, so that the client can see the answer.

    max_bytes: how much a body that is not refused may hold, once its gzip is undone.
    """
    chunks = request.stream()
    try:
        async with aclosing(_content(chunks, request.headers.get("content-encoding", ""), max_bytes)) as body:
            yield body
    except CallerError:
        await _drain(chunks, max_bytes * _DRAIN_FACTOR)
        raise


def _content(chunks: AsyncIterator[bytes], encoding: str, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body's content without its gzip; BodyError for another coding."""
    codings = [coding for part in encoding.lower().split(",") if (coding := part.strip()) not in {"", "identity"}]
    if not codings:
        return _not_empty(chunks)
    if codings not in (["gzip"], ["x-gzip"]):
        raise BodyError(f"Content-Encoding: {encoding[:40]!r} is not read: send the body as it is, or with gzip")
    return _inflated(_not_empty(chunks), max_bytes)


async def _inflated(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncGenerator[bytes, None]:
    """What gzip holds, in bounded pieces: UploadTooLargeError at the first byte too many, however few were sent."""
    inflater, left = zlib.decompressobj(_GZIP_WBITS), max_bytes
    try:
        async for chunk in chunks:
            data = chunk
            while data and not inflater.eof:
                piece = inflater.decompress(data, _PIECE_BYTES)
                data, left = inflater.unconsumed_tail, left - len(piece)
                if left < 0:
                    raise UploadTooLargeError(f"the request body exceeds {max_bytes} bytes once its gzip is undone")
                if piece:
                    yield piece
    except zlib.error as failure:
        raise BodyError("Content-Encoding: the body is not the gzip that it says it is") from failure
    if not inflater.eof:
        raise BodyError("Content-Encoding: the gzip of the body ends too early")


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
