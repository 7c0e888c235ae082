"""A picture as base64 text, decoded into a file as it comes."""

from __future__ import annotations

import binascii
from collections.abc import Callable

from leanpix.domain.errors import BodyError, UploadTooLargeError
from leanpix.service.spool import SpoolFile

DATA_URI, _LONGEST_URI_HEAD = b"data:", 1024
_LINE_BREAKS = b"\r\n\t"
"""Of MIME: encoders of Java, Android, Ruby, Python and `base64` itself break lines after 60 to 76 characters."""


class Base64File:
    """Takes base64, bare or as a data URI, in one line or in many.

    open_file is called with the first byte: an empty text is no picture. name: the field's, for errors.
    """

    def __init__(self, open_file: Callable[[], SpoolFile], max_bytes: int, name: str) -> None:
        self._open_file, self._max_bytes, self._name = open_file, max_bytes, name
        self._file: SpoolFile | None = None
        self._head: bytes | None = b""  # None once it is known whether the text begins as a data URI
        self._rest = b""
        self._has_ended = False

    def write(self, piece: bytes) -> None:
        """The next piece of the text; BodyError, UploadTooLargeError."""
        piece = piece.translate(None, _LINE_BREAKS)
        if self._head is not None:
            piece = self._without_head(self._head + piece)
        self._decode(piece)

    def end(self) -> None:
        """The text is whole; BodyError."""
        if self._head:
            head, self._head = self._head, None
            if head.startswith(DATA_URI):
                raise self._refusal()
            self._decode(head)
        if self._rest:
            raise self._refusal()

    def _refusal(self) -> BodyError:
        return BodyError(f"{self._name} is not valid base64")

    def _without_head(self, text: bytes) -> bytes:
        """What follows `data:...,`; nothing while that is not known yet."""
        if text.startswith(DATA_URI):
            head, comma, after = text.partition(b",")
            if len(head) > _LONGEST_URI_HEAD:
                raise self._refusal()
            self._head = None if comma else text
            return after
        is_known = not DATA_URI.startswith(text)
        self._head = None if is_known else text
        return text if is_known else b""

    def _decode(self, piece: bytes) -> None:
        # urlencoded bodies turn the `+` of base64 into a space where the client forgot to escape it
        text = self._rest + piece.replace(b" ", b"+")
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        if not whole:
            return
        if self._has_ended:
            raise self._refusal()
        try:
            content = binascii.a2b_base64(text[:whole], strict_mode=True)
        except binascii.Error as failure:
            raise self._refusal() from failure
        self._has_ended = text[whole - 1 : whole] == b"="
        if self._file is None:
            self._file = self._open_file()
        if self._file.size_bytes + len(content) > self._max_bytes:
            raise UploadTooLargeError(f"the image exceeds {self._max_bytes} bytes")
        self._file.write(content)
