"""A multipart body into a form, chunk by chunk, within limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Protocol

from python_multipart.multipart import MultipartParser, parse_options_header

from leanpix.domain.errors import BodyError, UploadTooLargeError

MAX_PARTS = 100


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may hold: bytes of its file, bytes of everything, bytes of a text field, parts."""

    max_file_bytes: int
    max_total_bytes: int
    max_field_bytes: int = 64 * 1024
    max_parts: int = MAX_PARTS


class FormTarget(Protocol):
    """What the parts are put into."""

    file_bytes: int

    def set_field(self, name: str, value: str) -> None:
        """Keep a text field."""

    def add_file(self, file: IO[bytes]) -> None:
        """Keep the file."""


class MultipartReader:
    """Feeds python-multipart and keeps what its callbacks tell; unknown parts are counted and dropped."""

    def __init__(
        self,
        boundary: bytes,
        form: FormTarget,
        file_fields: frozenset[str],
        limits: FormLimits,
        spool: Callable[[], IO[bytes]],
    ) -> None:
        self._form, self._file_fields, self._limits, self._spool = form, file_fields, limits, spool
        self._total = self._parts = 0
        self._header_name = self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._file: IO[bytes] | None = None
        self._text = bytearray()
        self._ended = False
        self._parser = MultipartParser(
            boundary,
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

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk; UploadTooLargeError or BodyError at the first byte too many."""
        self._total += len(chunk)
        if self._total > self._limits.max_total_bytes:
            raise UploadTooLargeError(f"the image exceeds {self._limits.max_file_bytes} bytes")
        self._parser.write(chunk)

    def finish(self) -> None:
        """Tell that the body has ended; BodyError where its last boundary is missing."""
        self._parser.finalize()
        if not self._ended:
            raise BodyError("the multipart body ends before its last boundary")

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise BodyError(f"more than {self._limits.max_parts} parts")
        self._disposition, self._name, self._file = b"", "", None
        self._text.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        if self._header_name.strip().lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name in self._file_fields:
            self._file = self._spool()
            self._form.add_file(self._file)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._form.file_bytes += end - start
            if self._form.file_bytes > self._limits.max_file_bytes:
                raise UploadTooLargeError(f"the image exceeds {self._limits.max_file_bytes} bytes")
            self._file.write(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > self._limits.max_field_bytes:
            raise BodyError(f"the field {self._name!r} exceeds {self._limits.max_field_bytes} bytes")

    def _part_end(self) -> None:
        if self._file is None and self._name:
            self._form.set_field(self._name, self._text.decode("utf-8", "replace"))

    def _end(self) -> None:
        self._ended = True
