"""Reading a request's body, whatever form it comes in, with every byte counted before it is kept.

Clients of this API family send multipart (with quoted, unquoted or missing names and types), urlencoded forms, JSON
under any content type, and parameters in the query string. A picture goes to a spool file as it comes, never to a name
of the client's; of text only the parameters are kept, each within a bound, and no parser sees more than that. What is
no parameter is passed over as it comes, whatever its size.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from leanpix.domain.errors import BodyError, SourceCountError, StoreUnavailableError, UploadTooLargeError
from leanpix.service.spool import SpoolFile
from leanpix.web.base64_file import DATA_URI, Base64File
from leanpix.web.json_body import JsonReader
from leanpix.web.multipart import MAX_PARTS, FieldWriter, MultipartReader
from leanpix.web.urlencoded import UrlencodedReader

FILE_FIELDS = frozenset({"image_file", "file"})
TEXT_FIELDS = frozenset({"image_url", "image_base64", "callback_url", "source_headers"})
OPTION_FIELDS = frozenset(
    {"sync", "return_type", "format", "quality", "kbyte", "width", "height", "fit", "target_score", "keep"}
    | {"formats", "widths"}
)
HEADERS = "source_headers"
KEEP, FORMATS, WIDTHS = "keep", "formats", "widths"
LISTS = frozenset({KEEP, FORMATS, WIDTHS})
"""Lists by commas, and by fields of their name."""
URL_LIST, ARCHIVE, ENCODED, LINK = "image_urls", "archive", "image_base64", "image_url"
_ONLY = "image_file"
_FORM_SLACK_BYTES = 1024 * 1024
_MAX_COMMAS = 5000
_MAX_FIELD_BYTES = 64 * 1024
_MAX_IGNORED, _LONGEST_IGNORED = 100, 64


@dataclass(frozen=True, slots=True)
class BodyRules:
    """What a route's bodies may hold: the parts that are files, the fields that are parameters, how much text.

    is_pair: the files are two, each under a name of its own; else all names are one's.

    max_list_bytes: of the one field that is a list of URLs. max_text_bytes None: of a body without a file, as much as
    the largest file takes as base64.
    """

    file_fields: frozenset[str] = FILE_FIELDS
    json_fields: frozenset[str] = TEXT_FIELDS | OPTION_FIELDS
    max_text_bytes: int | None = None
    max_list_bytes: int = _MAX_FIELD_BYTES
    max_commas: int = _MAX_COMMAS
    is_pair: bool = False

    def max_body_bytes(self, content_type: str, max_file_bytes: int) -> int:
        """The longest body that is read, by what its label says it is."""
        if _is_multipart(content_type):
            return 2 * max_file_bytes + _FORM_SLACK_BYTES  # the file, and what is passed over
        return self.max_text_bytes or max_file_bytes * 4 // 3 + _FORM_SLACK_BYTES


SINGLE = BodyRules()
# A thousand URLs of 2 KB, with commas in them.
BATCH = BodyRules(
    file_fields=frozenset({ARCHIVE, "file"}),
    json_fields=OPTION_FIELDS - {"sync", "return_type", WIDTHS} | {URL_LIST, "callback_url"},
    max_text_bytes=4 * 1024 * 1024,
    max_list_bytes=4 * 1024 * 1024,
    max_commas=100_000,
)
REFERENCE, COMPARED = "reference", "image"
COMPARISON = BodyRules(file_fields=frozenset({REFERENCE, COMPARED}), json_fields=frozenset(), is_pair=True)


@dataclass(slots=True)
class Form:
    """A request's parameters, and its file where it had one, or its two. Close it to drop them.

    open_file makes an empty spool file, use counts bytes that are held in memory; both refuse what is too much.
    ignored: names of fields that are no parameters.
    """

    open_file: Callable[[], SpoolFile]
    use: Callable[[int], None]
    max_file_bytes: int
    rules: BodyRules = SINGLE
    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, SpoolFile] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    @property
    def file(self) -> SpoolFile | None:
        """The only file."""
        return self.files.get(_ONLY)

    @property
    def file_bytes(self) -> int:
        """The file's size."""
        return 0 if self.file is None else self.file.size_bytes

    def close(self) -> None:
        """Drop the files."""
        for file in self.files.values():
            file.close()

    def text(self, name: str) -> FieldWriter | None:
        """What takes the value of this field; None for one that is no parameter, which is passed over."""
        if name == ENCODED and name in self.rules.json_fields:
            return self.encoded(name)
        if name == LINK and name in self.rules.json_fields:
            return _LinkOrPicture(self)
        if name in self.rules.json_fields:
            return _Text(self, name)
        self.ignore(name)
        return None

    def encoded(self, name: str) -> FieldWriter:
        """What takes a picture as base64 out of the field of this name."""
        return Base64File(self.new_file, self.max_file_bytes, name)

    def put(self, name: str, value: str) -> None:
        """A parameter's value: of several the last, but for the one that is a list."""
        before = self.fields.get(name) if name in LISTS else None
        self.fields[name] = value if before is None else f"{before},{value}"

    def ignore(self, name: str) -> None:
        """Note a field that is passed over."""
        if len(self.ignored) < _MAX_IGNORED:
            self.ignored.append(name[:_LONGEST_IGNORED])

    def upload(self, name: str) -> FieldWriter:
        """What takes the bytes of the file in this field; SourceCountError from a second file's first byte."""
        return _File(self, name if self.rules.is_pair else _ONLY)

    def new_file(self, name: str = _ONLY) -> SpoolFile:
        """The file, empty; SourceCountError where there is one already."""
        if name in self.files:
            raise SourceCountError(f"{name}: more than one file was sent; exactly one source is required")
        self.files[name] = self.open_file()
        return self.files[name]

    def most_bytes(self, name: str) -> int:
        """How long a parameter's text may be."""
        return self.rules.max_list_bytes if name == URL_LIST else _MAX_FIELD_BYTES


@dataclass(slots=True)
class _Text:
    """A parameter's text."""

    form: Form
    name: str
    held: bytearray = field(default_factory=bytearray)

    def write(self, piece: bytes) -> None:
        most = self.form.most_bytes(self.name)
        if len(self.held) + len(piece) > most:
            raise BodyError(f"the field {self.name!r} exceeds {most} bytes")
        self.form.use(len(piece))
        self.held += piece

    def end(self) -> None:
        self.form.put(self.name, self.held.decode("utf-8", "replace"))


@dataclass(slots=True)
class _LinkOrPicture:
    """The text of `image_url`: a link, or the picture itself as a data URI. Its first bytes tell."""

    form: Form
    head: bytes = b""
    writer: FieldWriter | None = None

    def write(self, piece: bytes) -> None:
        if self.writer is None:
            self.head += piece
            if len(self.head.lstrip()) < len(DATA_URI) and len(self.head) <= _MAX_FIELD_BYTES:
                return
            piece = self._begin()
        if self.writer is not None:
            self.writer.write(piece)

    def end(self) -> None:
        if self.writer is None:
            self.write(self._begin())
        if self.writer is not None:
            self.writer.end()

    def _begin(self) -> bytes:
        text = self.head.lstrip()
        is_picture = text.startswith(DATA_URI)
        self.writer = self.form.encoded(LINK) if is_picture else _Text(self.form, LINK)
        return text if is_picture else self.head


@dataclass(slots=True)
class _File:
    """The file's bytes. The form has a file with the first of them: a form's unused input sends an empty part."""

    form: Form
    name: str
    file: SpoolFile | None = None

    def write(self, piece: bytes) -> None:
        if not piece:
            return
        if self.file is None:
            self.file = self.form.new_file(self.name)
        if self.file.size_bytes + len(piece) > self.form.max_file_bytes:
            raise UploadTooLargeError(f"the image exceeds {self.form.max_file_bytes} bytes")
        self.file.write(piece)

    def end(self) -> None:
        """It stays where it is."""


class BodyReader(Protocol):
    """Takes a body as it comes."""

    def feed(self, chunk: bytes) -> None:
        """The next piece; BodyError and the like at the first byte too many."""

    def finish(self) -> None:
        """The body has ended; BodyError where it is not whole."""


async def read_form(content_type: str, query: str, chunks: AsyncIterator[bytes], form: Form) -> Form:
    """Read the body into the form; where it is refused, the rest of it is left unread and the form is closed.

    Raises BodyError, SourceCountError, UploadTooLargeError, StoreUnavailableError, InFlightError.
    """
    most, total = form.rules.max_body_bytes(content_type, form.max_file_bytes), 0
    try:
        _take_query(form, query)
        reader: BodyReader | None = _multipart(form, content_type) if _is_multipart(content_type) else None
        async for chunk in chunks:
            total += len(chunk)
            _check_length(total, most)
            piece = chunk if reader is not None else chunk.lstrip()
            if reader is None and piece:
                reader = _text_reader(form, piece)
            if reader is not None:
                reader.feed(piece)
        if reader is not None:
            reader.finish()
        _take_pictures_of_query(form)
    except FormParserError as failure:
        form.close()
        raise BodyError(f"the multipart body is malformed: {failure}") from failure
    except OSError as failure:  # there is no room for the spool file
        form.close()
        raise StoreUnavailableError from failure
    except BaseException:
        form.close()
        raise
    return form


def _check_length(count: int, most: int) -> None:
    if count > most:
        raise UploadTooLargeError(f"the request body exceeds {most} bytes")


def _is_multipart(content_type: str) -> bool:
    kind, _ = parse_options_header(content_type)
    return kind.lower() == b"multipart/form-data"


def _multipart(form: Form, content_type: str) -> MultipartReader:
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise BodyError("the multipart body has no boundary in its Content-Type header")
    return MultipartReader(boundary, form, form.rules.file_fields)


def _text_reader(form: Form, first: bytes) -> BodyReader:
    """Clients send JSON under any label: its first byte tells it from a urlencoded form."""
    if first[:1] == b"{":
        return JsonReader(form, form.rules.json_fields, form.rules.max_commas)
    return UrlencodedReader(form)


def _take_query(form: Form, query: str) -> None:
    """The parameters of the query string; those of the body come after them, and count."""
    for name, value in _pairs(query):
        if name in form.rules.json_fields:
            form.put(name, value)
        else:
            form.ignore(name)


def _take_pictures_of_query(form: Form) -> None:
    """A picture as base64 or as a data URI in the query string: as long as a request line may be."""
    name, encoded = ENCODED, form.fields.pop(ENCODED, "")
    if form.fields.get(LINK, "").lstrip().startswith(DATA_URI.decode()):
        name, encoded = LINK, form.fields.pop(LINK).strip()
    if encoded:
        writer = form.encoded(name)
        writer.write(encoded.encode())
        writer.end()


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError as failure:
        raise BodyError(f"more than {MAX_PARTS} fields") from failure
