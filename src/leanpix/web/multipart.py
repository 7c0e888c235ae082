"""A multipart body into a form, chunk by chunk, within limits.

A small body that comes in one piece, with heads of parts as clients write them, is read without the parser: that one
goes through each head letter by letter. Whatever else there is about a body is the parser's to say.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Protocol

from python_multipart.multipart import MultipartParser, parse_options_header

from leanpix.domain.errors import BodyError

MAX_PARTS = 100
_MAX_HEADER_BYTES = 16 * 1024  # of one part
# The parser takes a microsecond for each that is followed by something else: a body of nothing but those took seven
# seconds. Clients choose one that is in none of their parts.
_MAX_BOUNDARIES = 10_000
_MOST_PLAIN_BYTES = 256 * 1024
_PLAIN_HEAD = re.compile(
    rb'\r\nContent-Disposition: form-data; name="([A-Za-z0-9_.-]{1,100})"(?:; filename="[^"\\\r\n]{0,300}")?'
    rb"(?:\r\nContent-Type: [^\r\n]{1,100})?\r\n\r\n"
)


class FieldWriter(Protocol):
    """Takes a field's value as it comes."""

    def write(self, piece: bytes) -> object:
        """The next piece of it."""

    def end(self) -> None:
        """The value is whole."""


class FormTarget(Protocol):
    """What the parts are put into."""

    def text(self, name: str) -> FieldWriter | None:
        """What takes the value of this field; None: it is passed over."""

    def upload(self, name: str) -> FieldWriter:
        """What takes the bytes of the file in this field."""


class MultipartReader:
    """Feeds python-multipart and hands on what its callbacks tell; parts that are no parameters are passed over."""

    def __init__(self, boundary: bytes, form: FormTarget, file_fields: AbstractSet[str]) -> None:
        self._form, self._file_fields = form, file_fields
        self._parts = self._header_bytes = self._boundaries = 0
        self._boundary = b"\r\n--" + boundary
        self._header_name = self._header_value = self._disposition = b""
        self._writer: FieldWriter | None = None
        self._ended = self._has_begun = False
        self._parser: MultipartParser | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk; UploadTooLargeError or BodyError at the first byte too many."""
        self._boundaries += chunk.count(self._boundary)
        if self._boundaries > _MAX_BOUNDARIES:
            raise BodyError("the multipart body holds its boundary again and again where none can be")
        parts = None if self._has_begun else self._plain_parts(chunk)
        if parts is not None:
            for name, data in parts:
                self._take(name, data)
            self._ended = True
        elif not self._has_begun:
            self._parser = self._new_parser()
        self._has_begun = True
        if self._parser is not None:  # else what follows a body that was whole is passed over, as the parser does
            self._parser.write(chunk)

    def finish(self) -> None:
        """Tell that the body has ended; BodyError where its last boundary is missing."""
        if self._parser is not None:
            self._parser.finalize()
        if not self._ended:
            raise BodyError("the multipart body ends before its last boundary")

    def _new_parser(self) -> MultipartParser:
        return MultipartParser(
            self._boundary[4:],
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value_part,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def _plain_parts(self, body: bytes) -> list[tuple[str, bytes]] | None:
        """Names and values of a body that is whole and plain; None for any other."""
        if len(body) > _MOST_PLAIN_BYTES or not body.startswith(self._boundary[2:]) or self._boundaries > MAX_PARTS:
            return None
        plain, size = [], len(self._boundary)
        start = size - 2
        while (end := body.find(self._boundary, start)) >= 0:
            head = _PLAIN_HEAD.match(body, start, end)
            if head is None:
                return None
            plain.append((head[1].decode(), body[head.end() : end]))
            start = end + size
        return plain if body[start : start + 5] in {b"--", b"--\r\n"} else None

    def _take(self, name: str, data: bytes) -> None:
        self._writer = self._writer_of(name)
        if data:
            self._part_data(data, 0, len(data))
        self._part_end()

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BodyError(f"more than {MAX_PARTS} parts")
        self._disposition, self._writer, self._header_bytes = b"", None, 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_value += data[start:end]

    def _count_header(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise BodyError(f"the headers of a part exceed {_MAX_HEADER_BYTES} bytes")

    def _header_end(self) -> None:
        if self._header_name.strip().lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self._writer = self._writer_of(name) if name else None

    def _writer_of(self, name: str) -> FieldWriter | None:
        return self._form.upload(name) if name in self._file_fields else self._form.text(name)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._writer is not None:
            self._writer.write(data[start:end])

    def _part_end(self) -> None:
        if self._writer is not None:
            self._writer.end()
            self._writer = None

    def _end(self) -> None:
        self._ended = True
