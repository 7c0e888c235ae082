"""Bodies that are read as they come: what a parser that sees all of it would say, and nothing held of the rest."""

from __future__ import annotations

import base64
import json
import tracemalloc
from contextlib import closing
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import forms

from leanpix.domain.errors import BodyError, CallerError, UploadTooLargeError
from leanpix.web.body import BATCH, OPTION_FIELDS, TEXT_FIELDS, Form
from leanpix.web.urlencoded import unescaped

MB = 1024 * 1024
JSON, URLENCODED = "application/json", "application/x-www-form-urlencoded"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

NO_PARAMETERS = st.text(max_size=8).filter(lambda name: name not in OPTION_FIELDS | TEXT_FIELDS)


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def read(content_type: str, body: bytes, size: int = 64 * 1024, limit: int = 20 * MB) -> Form:
    return forms.read(content_type, "", pieces(body, size), limit)


@settings(max_examples=300)
@given(
    st.dictionaries(NO_PARAMETERS | st.sampled_from(["quality", "format"]), VALUES, max_size=6),
    st.integers(1, 60),
    st.booleans(),
)
def test_json_is_read_as_the_whole_of_it_would_be(found: dict[str, object], size: int, indents: bool) -> None:
    body = json.dumps(found, indent=1 if indents else None, ensure_ascii=indents).encode("utf-8", "surrogatepass")
    wanted = {name: found[name] for name in ("quality", "format") if found.get(name) is not None}
    may_be = all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in wanted.values())
    try:
        form = read(JSON, body, size)
    except BodyError:
        assert not may_be or any("\ud800" <= character <= "\udfff" for character in str(wanted))
        return
    assert may_be
    assert form.fields.keys() == wanted.keys()
    for name, value in wanted.items():
        assert form.fields[name] == (str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))


@given(st.text('{}[]":,\\ ntfu1.e-+aé\n', max_size=40), st.integers(1, 10))
def test_json_that_is_none_is_refused_wherever_it_is_cut(text: str, size: int) -> None:
    body = ("{" + text).encode()
    try:
        json.loads(body)
    except ValueError:
        is_json = False
    else:
        is_json = True
    try:
        read(JSON, body, size)
    except CallerError:
        return
    # Control characters within a text that is passed over are passed over too.
    assert is_json or "\n" in text or "\\" in text


@pytest.mark.parametrize("size", [1, 7, 64 * 1024])
@pytest.mark.parametrize("written", [json.dumps, lambda text: json.dumps(text).replace("/", "\\/")])
@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_a_picture_as_base64_arrives_whole_however_it_is_written_and_cut(size: int, written: object, head: str) -> None:
    content = bytes(range(256)) * 3
    text = head + base64.b64encode(content).decode()
    assert callable(written)
    for content_type, body in (
        (JSON, f'{{"a": [1, {{"image_base64": "x"}}], "image_base64": {written(text)}, "quality": 80}}'.encode()),
        (URLENCODED, f"notes=1&image_base64={quote(text)}&quality=80".encode()),
        (URLENCODED, f"image_base64={text}&quality=80".encode()),  # a client that forgot to escape
    ):
        form = read(content_type, body, size)
        assert form.file is not None
        assert forms.content_of(form.file) == content
        assert form.fields == {"quality": "80"}
        form.close()


@pytest.mark.parametrize("size", [1, 7, 64 * 1024])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\t"])
@pytest.mark.parametrize("head", ["", "data:image/png;base64,", "\ndata:image/png;base64,\n"])
def test_base64_in_lines_is_read_as_in_one(size: int, end: str, head: str) -> None:
    content = bytes(range(256)) * 3
    whole = base64.b64encode(content).decode()
    text = head + "".join(whole[at : at + 76] + end for at in range(0, len(whole), 76))
    part = f'--b\r\nContent-Disposition: form-data; name="image_base64"\r\n\r\n{text}\r\n--b--\r\n'
    for content_type, body in (
        (JSON, json.dumps({"image_base64": text}).encode()),
        (URLENCODED, f"image_base64={quote(text)}".encode()),
        (URLENCODED, f"image_base64={text}".encode()),
        ("multipart/form-data; boundary=b", part.encode()),
    ):
        with closing(read(content_type, body, size)) as form:
            assert form.file is not None
            assert forms.content_of(form.file) == content


@pytest.mark.parametrize(("name", "text"), [("image_url", "data:,hello"), ("image_base64", "data:,hello")])
def test_what_is_no_base64_is_refused_by_the_name_of_its_field(name: str, text: str) -> None:
    part = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n--b--\r\n'
    for content_type, body in (
        (JSON, json.dumps({name: text}).encode()),
        (URLENCODED, f"{name}={quote(text)}".encode()),
        ("multipart/form-data; boundary=b", part.encode()),
    ):
        with pytest.raises(BodyError, match=f"^{name} is not valid base64"):
            read(content_type, body)
    with pytest.raises(BodyError, match=f"^{name} is not valid base64"):
        forms.read("", f"{name}={quote(text)}", [], 20 * MB)


@pytest.mark.parametrize("text", ["A", "AAAA=", "AA=A", "AAAA AA", "####", "data:AAAA", "AA==AAAA"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    for body in (json.dumps({"image_base64": text}), "image_base64=" + quote(text)):
        with pytest.raises(BodyError, match="base64"):
            read(JSON, body.encode(), 3)


@settings(max_examples=300)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="%"), max_size=60), st.data())
def test_escapes_are_read_as_the_library_reads_them(text: str, data: st.DataObject) -> None:
    written = "".join(data.draw(st.sampled_from([one, quote(one, safe=""), f"%{ord(one):02x}"])) for one in text)
    assert unescaped(written.encode()) == unquote_to_bytes(written)


def test_nothing_is_held_of_what_is_no_parameter() -> None:
    bodies = {
        JSON: b'{"notes":"' + b"x" * 24 * MB + b'","quality":80}',
        URLENCODED: b"notes=" + b"%41" * 8 * MB + b"&quality=80",
        "multipart/form-data; boundary=b": b"--b\r\nContent-Disposition: form-data; name=notes\r\n\r\n"
        + b"x" * 24 * MB
        + b"\r\n--b\r\nContent-Disposition: form-data; name=quality\r\n\r\n80\r\n--b--\r\n",
    }
    for content_type, body in bodies.items():
        chunks = pieces(body, 64 * 1024)
        tracemalloc.start()
        form = forms.read(content_type, "", chunks, 20 * MB)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert form.fields == {"quality": "80"}
        assert form.ignored == ["notes"]
        assert peak < 2 * MB, content_type


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"image_url":"' + b"x" * 100_000 + b'"}'),
        (URLENCODED, b"image_url=" + b"x" * 100_000),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=image_url\r\n\r\n" + b"x" * 100_000 + b"\r\n--b--\r\n",
        ),
    ],
)
def test_a_parameter_has_a_bound(content_type: str, body: bytes) -> None:
    with pytest.raises(BodyError, match="65536 bytes"):
        read(content_type, body)


NAMES = st.sampled_from(
    ["sync", "quality", "image_file", "file", "image_url", "width", "formats", "colour", "a b", "n\u00e4me"]
)
HEADS = st.sampled_from(
    [
        'Content-Disposition: form-data; name="{name}"',
        'Content-Disposition: form-data; name="{name}"; filename="a;b=c.jpg"',
        'Content-Disposition: form-data; name="{name}"; filename="a.jpg"\r\nContent-Type: image/jpeg',
        'Content-Disposition: form-data; name="{name}"; filename="a\\".jpg"',
        "Content-Disposition: form-data; name={name}",
        'content-disposition: form-data; filename="a.jpg"; name="{name}"',
        'Content-Type: text/plain\r\nContent-Disposition: form-data; name="{name}"',
        'Content-Disposition: form-data; name="{name}"; name="quality"',
        "Content-Type: text/plain",
    ]
)
PARTS = st.tuples(
    HEADS, NAMES, st.sampled_from([b"", b"80", b"\xff\xd8\xff", b"\r\n--", b"\r\n--bo", b"x\r\n", b"--b\r\n"])
)
ENDS = st.sampled_from([b"--", b"--\r\n", b"--\r\n\r\n", b"--\r\nepilogue", b"", b"\r\n", b"--\r\n--b\r\n"])


@settings(max_examples=500)
@given(st.lists(PARTS, max_size=5), ENDS, st.sampled_from([b"", b"\r\n", b"x"]), st.integers(1, 7))
def test_a_form_that_comes_whole_is_read_as_one_that_comes_in_pieces(
    parts: list[tuple[str, str, bytes]], end: bytes, begin: bytes, size: int
) -> None:
    written = [head.format(name=name).encode() + b"\r\n\r\n" + value for head, name, value in parts]
    body = begin + b"--b\r\n" + b"\r\n--b\r\n".join(written) + b"\r\n--b" + end

    def found(size: int) -> object:
        try:
            form = read("multipart/form-data; boundary=b", body, size)
        except CallerError as refusal:
            return str(refusal)
        with closing(form):
            return form.fields, form.ignored, None if form.file is None else forms.content_of(form.file)

    assert found(len(body)) == found(size)


def test_the_headers_of_a_part_have_a_bound() -> None:
    start = b"--b\r\nContent-Disposition: form-data; name=a\r\n"
    for headers in (b"X: " + b"x" * 100_000, b"Some-Header: y\r\n" * 5000):
        with pytest.raises(BodyError, match="header"):
            read("multipart/form-data; boundary=b", start + headers)


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        (URLENCODED, b"&" * MB, "more than 100 fields"),
        (URLENCODED, b"quality=5" + b"&" * 101, "more than 100 fields"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="image_file"; filename="a"\r\n\r\n' + b"\r\n--bx" * 150_000,
            "its boundary again",
        ),
        ("multipart/form-data; boundary=" + "b" * 300, b"--" + b"b" * 300, "malformed: Boundary length 300"),
    ],
)
def test_what_takes_the_parser_long_byte_by_byte_is_refused(content_type: str, body: bytes, told: str) -> None:
    with pytest.raises(BodyError, match=told):
        read(content_type, body)


def test_a_form_may_end_with_a_separator_and_a_picture_may_hold_its_boundary_now_and_then() -> None:
    with closing(read(URLENCODED, b"&quality=5&&format=jpg&")) as form:
        assert form.fields == {"quality": "5", "format": "jpg"}
    content = (b"\r\n--bx" + bytes(1000)) * 100
    head = b'--b\r\nContent-Disposition: form-data; name="image_file"; filename="a"\r\n\r\n'
    with closing(read("multipart/form-data; boundary=b", head + content + b"\r\n--b--\r\n")) as form:
        assert form.file_bytes == len(content)


def test_a_picture_in_text_has_the_bound_of_every_picture() -> None:
    text = base64.b64encode(bytes(1001)).decode()
    for body in (json.dumps({"image_base64": text}), "image_base64=" + quote(text)):
        with pytest.raises(UploadTooLargeError):
            read(JSON, body.encode(), limit=1000)


def test_a_batchs_list_of_urls_may_be_long() -> None:
    urls = [f"https://a.example/{'x' * 1900}/{number}.jpg" for number in range(1000)]
    form = forms.read(JSON, "", pieces(json.dumps({"image_urls": urls}).encode(), 50_000), 20 * MB, BATCH)
    assert form.fields["image_urls"].split("\n") == urls


def test_deep_nesting_and_many_values_are_refused() -> None:
    with pytest.raises(BodyError, match="levels deep"):
        read(JSON, b'{"a":' + b"[" * 100_000)
    with pytest.raises(BodyError, match="too many values"):
        read(JSON, b'{"a":[' + b"1," * 100_000 + b"1]}")


def test_space_before_a_link_is_bounded_as_its_text_is() -> None:
    flood = [b"image_url=", *[b"+" * 8192] * 100]
    with pytest.raises(BodyError, match="image_url"):
        forms.read("application/x-www-form-urlencoded", "", flood, 1 << 20)
