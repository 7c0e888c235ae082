"""Comments, and what a PNG says under keywords of its own: read out of a source for a result to carry."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.keep import Keep
from leanpix.domain.own_mark import is_mark
from leanpix.engine.reading.headers import jpeg, png_chunks
from leanpix.engine.reading.xmp import MOST_BYTES

_COMMENT = 0xFE
_TIME = b"tIME"
_CONTAINERS = (b"XML:com.adobe.xmp", b"Raw profile type ")
NOTICE, AUTHORS = b"Copyright", (b"Author", b"Artist")
_DATES = (b"Creation Time", b"date:create", b"date:modify")
_KINDS = {NOTICE: Keep.COPYRIGHT} | dict.fromkeys(AUTHORS, Keep.COPYRIGHT) | dict.fromkeys(_DATES, Keep.DATE)
_COMMENTS = frozenset({b"comment", b"description"})


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its keyword, `Comment` where its format has none. chunk: name and data of a PNG's own chunk."""

    kind: Keep
    keyword: bytes
    content: bytes
    chunk: tuple[bytes, bytes] | None = None

    @property
    def size(self) -> int:
        """Bytes that a result is to carry."""
        return len(self.content if self.chunk is None else self.chunk[1])

    def has_place(self, target: OutputFormat) -> bool:
        """Whether a result of this format can say it: a PNG says all, a JPEG comments."""
        if target is OutputFormat.PNG:
            return self.chunk is not None or b"\0" not in self.content
        is_comment = self.keyword.lower() in _COMMENTS and len(self.content) <= jpeg.MOST_SEGMENT_BYTES
        return target is OutputFormat.JPG and is_comment

    @property
    def words(self) -> str:
        """The content as text: UTF-8, else Latin-1, which is what PNG's older chunks are in."""
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            return self.content.decode("latin-1")


def texts_of(source: bytes, form: SourceFormat, wanted: tuple[Keep, ...]) -> tuple[Text, ...]:
    """The source's texts of these kinds, empty ones left out; TaskFailure where its segments cannot be walked."""
    kinds = {Keep.COPYRIGHT, Keep.DATE, Keep.COMMENT}.intersection(wanted)
    if not kinds:
        return ()
    walk = {SourceFormat.JPG: _of_jpeg, SourceFormat.PNG: _of_png}.get(form)
    return tuple(one for one in walk(source) if one.kind in kinds) if walk is not None else ()


def _of_jpeg(source: bytes) -> Iterator[Text]:
    for one in jpeg.segments(source):
        content = source[one.payload : one.end]
        if one.marker == _COMMENT and content.strip(b"\0 ") and not is_mark(content):
            yield Text(Keep.COMMENT, b"Comment", content)


def _of_png(source: bytes) -> Iterator[Text]:
    """The texts that are sound; those that hold EXIF, XMP or IPTC are none."""
    for one in png_chunks.chunks(source):
        if one.name not in {*png_chunks.TEXTS, _TIME} or not png_chunks.is_sound(source, one):
            continue
        body = source[one.start : one.end]
        if one.name == _TIME:
            yield Text(Keep.DATE, one.name, body, (one.name, body))
            continue
        keyword, content = png_text(one.name, body)
        if not keyword.startswith(_CONTAINERS):
            yield Text(_KINDS.get(keyword, Keep.COMMENT), keyword, content, (one.name, body))


def png_text(name: bytes, body: bytes) -> tuple[bytes, bytes]:
    """A text chunk's keyword and its text, unpacked."""
    keyword, _, rest = body.partition(b"\0")
    if name == b"tEXt":
        return keyword, rest
    if name == b"zTXt":
        return keyword, _inflated(rest[1:])
    text = rest[2:].split(b"\0", 2)[-1]
    return keyword, _inflated(text) if rest[:1] == b"\1" else text


def _inflated(data: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(data, MOST_BYTES)
    return b""
