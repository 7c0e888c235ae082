"""Bodies as these clients send them: a picture's bytes whatever their label says, or a JSON object."""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncIterator

from leanpix.domain.errors import BodyError, SourceCountError, StoreUnavailableError, UploadTooLargeError
from leanpix.service.spool import SpoolFile

MOST_JSON_BYTES = 64 * 1024
_TELLING_BYTES = 4096

EMPTY = "the body is empty: send a picture, or JSON with source.url"


async def read_picture(chunks: AsyncIterator[bytes], max_bytes: int, file: SpoolFile) -> None:
    """Write the body into the file; SourceCountError for none, UploadTooLargeError, StoreUnavailableError."""
    try:
        async for chunk in chunks:
            if file.size_bytes + len(chunk) > max_bytes:
                raise UploadTooLargeError(f"the picture exceeds {max_bytes} bytes")
            file.write(chunk)
    except OSError as failure:
        raise StoreUnavailableError from failure
    if file.size_bytes == 0:
        raise SourceCountError(EMPTY)


def head_of(file: SpoolFile) -> bytes:
    """As much of a body as an object of commands may be, and a byte more."""
    with file.reader() as content:
        return content.read(MOST_JSON_BYTES + 1)


def is_no_text(content: bytes) -> bool:
    """Whether this cannot be JSON, well-formed or not: no picture begins with so much UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content[:_TELLING_BYTES])  # which may end within a character
    except UnicodeDecodeError:
        return True
    return False


async def read_object(chunks: AsyncIterator[bytes]) -> dict[str, object]:
    """The body's JSON object, an empty one for an empty body; BodyError."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        _check_size(body)
    return parsed_object(body)


def parsed_object(body: bytes | bytearray) -> dict[str, object]:
    """The same of a body that is there; BodyError."""
    _check_size(body)
    try:
        found = json.loads(bytes(body)) if body.strip() else {}
    except (ValueError, RecursionError) as failure:
        raise BodyError("the body is not valid JSON") from failure
    if found == []:  # what PHP makes of an empty list of commands
        return {}
    if not isinstance(found, dict):
        raise BodyError("the body has to be a JSON object")
    return found


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > MOST_JSON_BYTES:
        raise BodyError(f"the JSON body exceeds {MOST_JSON_BYTES} bytes")
