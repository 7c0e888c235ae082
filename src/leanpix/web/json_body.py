"""A JSON object as a request's body, read as it comes: parameters are kept within bounds, all else is passed over."""

from __future__ import annotations

import json
import re
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from typing import Protocol

from leanpix.domain.errors import BodyError
from leanpix.web.base64_file import DATA_URI
from leanpix.web.multipart import FieldWriter

_SPACE = re.compile(rb"[ \t\r\n]*")
_IN_STRING = re.compile(rb'[^"\\]*(?:\\(?:u[0-9A-Fa-f]{4}|[^u])[^"\\]*)*', re.DOTALL)
_IN_SCALAR = re.compile(rb"[0-9A-Za-z+.-]*")
_SCALAR = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity")
_LONGEST_ESCAPE = 6
_LONGEST_SCALAR = 512  # a longer one, of a field that is passed over, is not looked at
_LONGEST_NAME = 256
_DEEPEST = 200
_BROKEN = "the body starts like JSON but is not valid JSON"
_ENCODED, _LIST, _LINK = "image_base64", "image_urls", "image_url"
_WORDS = frozenset({"keep", "formats", "widths"})
_HEADERS = "source_headers"
_TEXTS = frozenset({_LINK, "callback_url", _ENCODED})
_PICTURE = b'"' + DATA_URI  # how the value begins of a link that is the picture itself


class JsonTarget(Protocol):
    """What the fields are put into."""

    fields: dict[str, str]

    def encoded(self, name: str) -> FieldWriter:
        """What takes a picture as base64 out of the field of this name."""

    def ignore(self, name: str) -> None:
        """Note a field that is passed over."""

    def use(self, count: int) -> None:
        """Hold so many bytes more."""

    def most_bytes(self, name: str) -> int:
        """How long a parameter's text may be."""


class _State(Enum):
    VALUE = auto()  # a value has to come
    FIRST_VALUE = auto()  # a value, or the end of a list
    KEY = auto()  # a name has to come
    FIRST_KEY = auto()  # a name, or the end of an object
    COLON = auto()  # the colon between a name and its value
    AFTER = auto()  # a comma, or the end of what is open
    STRING = auto()  # within a string
    SCALAR = auto()  # within a number or a word
    END = auto()  # the object is whole


class JsonReader:
    """A state machine over the body's bytes: its own memory is a parameter's value, and how deep it is.

    max_commas: every value but the first has one before it, and none of ours holds many.
    """

    def __init__(self, form: JsonTarget, names: AbstractSet[str], max_commas: int) -> None:
        self._form, self._names, self._commas_left = form, names, max_commas
        self._state = _State.VALUE
        self._open = bytearray()  # the brackets that are open
        self._rest = b""  # an escape that is not whole yet
        self._is_key = False
        self._name: bytearray | None = None  # of a field of the object itself, while it comes
        self._field: str | None = None  # the parameter whose value comes
        self._held: bytearray | None = None  # its value as it was written
        self._picture: FieldWriter | None = None
        self._scalar = bytearray()

    def feed(self, chunk: bytes) -> None:
        """The next piece; BodyError at the first byte that cannot be there, or is too many."""
        data, self._rest = self._rest + chunk, b""
        at = 0
        while at < len(data):
            if self._state is _State.STRING:
                at = self._read_string(data, at)
            elif self._state is _State.SCALAR:
                at = self._read_scalar(data, at)
            else:
                at = self._read_mark(data, at)

    def finish(self) -> None:
        """The body has ended; BodyError where the object is not whole."""
        if self._state is not _State.END or self._rest:
            raise BodyError(_BROKEN)

    def _read_string(self, data: bytes, at: int) -> int:
        match = _IN_STRING.match(data, at)
        end = len(data) if match is None else match.end()
        self._begin_picture(data[at:end])
        self._keep(data, at, end)
        self._take_part(data[at:end])
        if end == len(data):
            return end
        if data[end : end + 1] == b"\\":
            self._rest = data[end:]
            if len(self._rest) >= _LONGEST_ESCAPE:
                raise BodyError(_BROKEN)
            return len(data)
        self._keep(data, end, end + 1)
        self._end_string()
        return end + 1

    def _begin_picture(self, part: bytes) -> None:
        """Where the text of `image_url` goes on as a data URI it is no text to hold: its bytes go into the file."""
        if self._is_key or self._field != _LINK or self._held is None:
            return
        begun = self._held.lstrip()
        if len(begun) <= len(_PICTURE) and (begun + part[: len(_PICTURE)]).startswith(_PICTURE):
            self._picture, self._held, self._field = self._form.encoded(_LINK), None, None
            if begun[1:]:
                self._picture.write(bytes(begun[1:]))

    def _take_part(self, part: bytes) -> None:
        if self._is_key and self._name is not None:
            self._name += part[: _LONGEST_NAME + 1 - len(self._name)]
        elif self._picture is not None and part:
            self._picture.write(_plain(part))

    def _end_string(self) -> None:
        if self._is_key:
            self._state = _State.COLON
            return
        if self._picture is not None:
            self._picture.end()
            self._picture = None
        self._end_value()

    def _read_scalar(self, data: bytes, at: int) -> int:
        match = _IN_SCALAR.match(data, at)
        end = len(data) if match is None else match.end()
        self._keep(data, at, end)
        self._scalar += data[at : min(end, at + _LONGEST_SCALAR + 1 - len(self._scalar))]
        if end < len(data):
            if len(self._scalar) <= _LONGEST_SCALAR and not _SCALAR.fullmatch(self._scalar):
                raise BodyError(_BROKEN)
            self._end_value()
        return end

    def _read_mark(self, data: bytes, at: int) -> int:
        match = _SPACE.match(data, at)
        start, at = at, at if match is None else match.end()
        self._keep(data, start, at)
        if at == len(data):
            return at
        mark, state = data[at : at + 1], self._state
        takes_value = state in (_State.VALUE, _State.FIRST_VALUE)
        if takes_value and not self._open and mark != b"{":
            raise BodyError(_BROKEN)
        if takes_value and mark != b"]":
            return self._begin_value(data, at, mark)
        self._keep(data, at, at + 1)
        if mark == b'"' and state in (_State.KEY, _State.FIRST_KEY):
            self._state, self._is_key = _State.STRING, True
            self._name = bytearray() if len(self._open) == 1 else None
        elif mark == b":" and state is _State.COLON:
            self._state = _State.VALUE
            if len(self._open) == 1:
                self._begin_field()
        elif mark == b"," and state is _State.AFTER:
            self._commas_left -= 1
            if self._commas_left < 0:
                raise BodyError("the JSON body has too many values")
            self._state = _State.KEY if self._open[-1:] == b"{" else _State.VALUE
        elif (mark == b"}" and state in (_State.AFTER, _State.FIRST_KEY) and self._open[-1:] == b"{") or (
            mark == b"]" and state in (_State.AFTER, _State.FIRST_VALUE) and self._open[-1:] == b"["
        ):
            self._close()
        else:
            raise BodyError(_BROKEN)
        return at + 1

    def _begin_field(self) -> None:
        """The name of a field of the object itself is whole: its value is kept, or passed over."""
        raw, self._name = bytes(self._name or b""), None
        name = _decoded(raw) if len(raw) <= _LONGEST_NAME else None
        self._field = name if isinstance(name, str) and name in self._names else None
        if self._field is None:
            self._form.ignore(str(name))
        else:
            self._held = bytearray()

    def _begin_value(self, data: bytes, at: int, mark: bytes) -> int:
        if mark == b'"' and len(self._open) == 1 and self._field == _ENCODED:
            self._picture, self._held, self._field = self._form.encoded(_ENCODED), None, None
        if mark in (b"{", b"[", b'"'):
            self._keep(data, at, at + 1)
        if mark == b'"':
            self._state, self._is_key = _State.STRING, False
            return at + 1
        if mark in (b"{", b"["):
            self._open += mark
            if len(self._open) > _DEEPEST:
                raise BodyError(f"the JSON body is more than {_DEEPEST} levels deep")
            self._state = _State.FIRST_KEY if mark == b"{" else _State.FIRST_VALUE
            return at + 1
        if not _IN_SCALAR.fullmatch(mark):
            raise BodyError(_BROKEN)
        self._state, self._scalar = _State.SCALAR, bytearray()
        return at

    def _close(self) -> None:
        del self._open[-1:]
        self._end_value()

    def _end_value(self) -> None:
        self._state = _State.AFTER if self._open else _State.END
        if len(self._open) == 1 and self._held is not None and self._field is not None:
            held, name = bytes(self._held), self._field
            self._held = self._field = None
            value = _decoded_value(held)
            if value is None:
                self._form.fields.pop(name, None)
            else:
                self._form.fields[name] = _text_of(name, value)

    def _keep(self, data: bytes, start: int, end: int) -> None:
        """Hold a piece of a parameter's value, within its bound."""
        if self._held is None or self._field is None or start == end:
            return
        most = self._form.most_bytes(self._field)
        if len(self._held) + end - start > most:
            raise BodyError(f"the field {self._field!r} exceeds {most} bytes")
        self._form.use(end - start)
        self._held += data[start:end]


def _plain(part: bytes) -> bytes:
    """A part of a string without its escapes: some clients escape each slash."""
    if b"\\" not in part:
        return part
    text = _decoded(part)
    return b"" if text is None else text.encode("utf-8", "replace")


def _decoded(inner: bytes) -> str | None:
    """The text of a string's inner part; None for what is none."""
    value = _decoded_value(b'"' + inner + b'"')
    return value if isinstance(value, str) else None


def _decoded_value(written: bytes) -> object:
    try:
        return json.loads(written.decode())
    except (ValueError, RecursionError) as failure:
        raise BodyError(_BROKEN) from failure


def _text_of(name: str, value: object) -> str:
    """A parameter's value as a form carries it."""
    if name == _LIST:
        return _url_list(value)
    if name == _HEADERS and isinstance(value, dict):
        return json.dumps(value)
    if name in _WORDS and isinstance(value, list):
        return ",".join(_text_of(name, word) for word in value)
    if name in _TEXTS and not isinstance(value, str):
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
        raise BodyError(f"the JSON field {_LIST!r} has to be a list of URLs")
    return "\n".join(_text_of("a URL", " ".join(url.splitlines())) for url in value)
