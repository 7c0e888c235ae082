"""Whatever the body: it is read as a form, or refused as the caller's fault, and nothing else happens."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.support.forms import content_of, read

from leanpix.domain.errors import CallerError
from leanpix.web.wire import parse_request

LIMIT = 4096
MULTIPART = "multipart/form-data; boundary=b"
PIECES = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"--",
        b"b",
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"Content-Disposition: form-data; ",
        b'name="image_file"; ',
        b"name=file; ",
        b'name="quality"; ',
        b'filename="a.jpg"',
        b"filename*=UTF-8''%e2%82%ac",
        b"Content-Length: 99",
        b":",
        b"80",
        b"\xff\xd8\xff",
        b"\0",
        b"x" * 600,
    ]
)
BODIES = st.lists(PIECES | st.binary(max_size=20), max_size=40).map(b"".join)
CONTENT_TYPES = st.sampled_from(
    [
        MULTIPART,
        'multipart/form-data; boundary="b"',
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/json",
        "application/x-www-form-urlencoded",
        "",
    ]
) | st.text(st.characters(max_codepoint=255), max_size=60)


def _settles(content_type: str, query: str, body: bytes, cut: int) -> None:
    try:
        form = read(content_type, query, [body[:cut], body[cut:]], LIMIT)
    except CallerError:
        return
    try:
        assert form.file_bytes <= LIMIT
        if form.file is not None:
            assert len(content_of(form.file)) == form.file_bytes
        parse_request(form)
    except CallerError:
        return
    finally:
        form.close()


@given(BODIES, st.integers(0, 400))
def test_a_multipart_body_settles_wherever_it_is_cut(body: bytes, cut: int) -> None:
    _settles(MULTIPART, "", body, cut)


@given(CONTENT_TYPES, BODIES | st.binary(max_size=200), st.text(max_size=60), st.integers(0, 100))
def test_any_content_type_with_any_body_settles(content_type: str, body: bytes, query: str, cut: int) -> None:
    _settles(content_type, query, body, cut)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)


@given(JSON, st.text())
def test_any_json_settles(value: object, name: str) -> None:
    for key in (name, "image_url", "image_base64", "quality"):
        _settles("application/json", "", json.dumps({key: value}).encode(), 3)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 50))
def test_a_file_arrives_as_it_was_sent_however_it_is_cut(content: bytes, size: int) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="image_file"\r\n\r\n' + content + b"\r\n--b--\r\n"
    if b"\r\n--b" in content:
        return
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    form = read(MULTIPART, "", chunks, LIMIT)
    assert form.file is not None
    assert content_of(form.file) == content
    form.close()
