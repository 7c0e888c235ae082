"""Reading a request's body, whatever form it comes in, with every byte counted before it is kept.

Clients of this API family send multipart (with quoted, unquoted or missing names and types), urlencoded forms, JSON
under any content type, and parameters in the query string. The file goes to a spool file, never to a name of the
client's.
"""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import parse_qsl

from anyio import to_thread
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from leanpix.domain.errors import BodyError, SourceCountError, StoreUnavailableError, UploadTooLargeError
from leanpix.web.multipart import MAX_PARTS, FormLimits, MultipartReader

FILE_FIELDS = frozenset({"image_file", "file"})
TEXT_FIELDS = frozenset({"image_url", "image_base64", "callback_url"})
OPTION_FIELDS = frozenset(
    {"sync", "return_type", "format", "quality", "kbyte", "width", "height", "fit", "target_score"}
)
URL_LIST, ARCHIVE = "image_urls", "archive"
_FORM_SLACK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 1024 * 1024
_MAX_COMMAS = 5000


@dataclass(frozen=True, slots=True)
class BodyRules:
    """What a route's bodies may hold: the parts that are files, JSON's fields, how much text there may be.

    max_text_bytes None: as much as the largest file takes as base64.
    """

    file_fields: frozenset[str] = FILE_FIELDS
    json_fields: frozenset[str] = TEXT_FIELDS | OPTION_FIELDS
    max_text_bytes: int | None = None
    max_commas: int = _MAX_COMMAS


SINGLE = BodyRules()
# A thousand URLs of 2 KB, with commas in them.
BATCH = BodyRules(
    file_fields=frozenset({ARCHIVE, "file"}),
    json_fields=OPTION_FIELDS - {"sync", "return_type"} | {URL_LIST, "callback_url"},
    max_text_bytes=4 * 1024 * 1024,
    max_commas=100_000,
)


@dataclass(slots=True)
class Form:
    """A request's text fields, and its file where it had one. Close it to drop the spool file."""

    fields: dict[str, str] = field(default_factory=dict)
    file: IO[bytes] | None = None
    file_bytes: int = 0

    def close(self) -> None:
        """Drop the spool file."""
        if self.file is not None:
            self.file.close()

    def set_field(self, name: str, value: str) -> None:
        """Keep a field; a file field that came without being a file is a source too, told by its text."""
        self.fields[name] = value

    def add_file(self, file: IO[bytes]) -> None:
        """Keep the file; SourceCountError for a second one."""
        if self.file is not None:
            raise SourceCountError("image_file: more than one file was sent; exactly one source is required")
        self.file = file


def spool() -> IO[bytes]:
    """A temporary file that stays in memory while it is small."""
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)


async def read_form(
    content_type: str, query: str, chunks: AsyncIterator[bytes], max_file_bytes: int, rules: BodyRules = SINGLE
) -> Form:
    """Read the body; where it is refused, the rest of it is left unread.

    Raises BodyError, SourceCountError, UploadTooLargeError, StoreUnavailableError.
    """
    form = Form(dict(_pairs(query)))
    try:
        kind, options = parse_options_header(content_type)
        if kind.lower() == b"multipart/form-data":
            await _read_multipart(form, options.get(b"boundary", b""), chunks, max_file_bytes, rules.file_fields)
        else:
            body = await _read_whole(chunks, rules.max_text_bytes or max_file_bytes * 4 // 3 + _FORM_SLACK_BYTES)
            # in a thread: decoding 27 MB takes longer than other requests should have to wait
            await to_thread.run_sync(_read_text, form, body, max_file_bytes, rules)
    except OSError as failure:  # there is no room for the spool file
        form.close()
        raise StoreUnavailableError from failure
    except BaseException:
        form.close()
        raise
    return form


async def _read_multipart(
    form: Form, boundary: bytes, chunks: AsyncIterator[bytes], max_file_bytes: int, file_fields: frozenset[str]
) -> None:
    if not boundary:
        raise BodyError("the multipart body has no boundary in its Content-Type header")
    limits = FormLimits(max_file_bytes=max_file_bytes, max_total_bytes=max_file_bytes + _FORM_SLACK_BYTES)
    reader = MultipartReader(boundary, form, file_fields, limits, spool)
    try:
        async for chunk in chunks:
            reader.feed(chunk)
        reader.finish()
    except MultipartParseError as failure:
        raise BodyError(f"the multipart body is malformed: {failure}") from failure


async def _read_whole(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise UploadTooLargeError(f"the request body exceeds {max_bytes} bytes")
    return bytes(body)


def _read_text(form: Form, body: bytes, max_file_bytes: int, rules: BodyRules) -> None:
    if body.lstrip()[:1] == b"{":
        form.fields.update(_json_fields(body, rules))
    elif body:
        form.fields.update(_form_fields(body))
    encoded = form.fields.pop("image_base64", "")
    if encoded:
        _add_decoded(form, encoded, max_file_bytes)


def _json_fields(body: bytes, rules: BodyRules) -> dict[str, str]:
    if body.count(b",") > rules.max_commas:  # every value but the first has one before it; none of ours holds many
        raise BodyError("the JSON body has too many values")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as failure:
        raise BodyError("the body starts like JSON but is not valid JSON") from failure
    given = {name: value for name, value in found.items() if value is not None}
    # What no field of ours is may hold anything: it is ignored.
    return {name: _json_text(name, given[name]) for name in given.keys() & rules.json_fields}


def _json_text(name: str, value: object) -> str:
    if name == URL_LIST:
        return _url_list(value)
    if name in TEXT_FIELDS and not isinstance(value, str):
        raise BodyError(f"the JSON field {name!r} has to be a string")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise BodyError(f"the JSON field {name!r} has to be a string or a number")
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value)  # JSON may spell 5 as 5.0
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BodyError(f"the JSON field {name!r} holds half of a surrogate pair")
    return text


def _url_list(value: object) -> str:
    """A list of URLs as a form carries it: one a line."""
    if not isinstance(value, list) or not all(isinstance(url, str) and url.strip() for url in value):
        raise BodyError(f"the JSON field {URL_LIST!r} has to be a list of URLs")
    return "\n".join(_json_text("a URL", " ".join(url.splitlines())) for url in value)


def _form_fields(body: bytes) -> dict[str, str]:
    try:
        return dict(_pairs(body.decode()))
    except UnicodeDecodeError as failure:
        raise BodyError("the body is neither multipart, nor a urlencoded form, nor JSON") from failure


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError as failure:
        raise BodyError(f"more than {MAX_PARTS} fields") from failure


def _add_decoded(form: Form, encoded: str, max_file_bytes: int) -> None:
    text = encoded.partition(",")[2] if encoded.startswith("data:") else encoded
    # urlencoded bodies turn the `+` of base64 into a space where the client forgot to escape it
    try:
        content = base64.b64decode(text.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError) as failure:
        raise BodyError("image_base64 is not valid base64") from failure
    if len(content) > max_file_bytes:
        raise UploadTooLargeError(f"the image exceeds {max_file_bytes} bytes")
    file = spool()
    form.add_file(file)
    file.write(content)
    form.file_bytes = len(content)
