"""The wire: whatever arrives is read or refused by name, never an accident."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import forms

from leanpix.domain.errors import BodyError, CallerError
from leanpix.web.body import BATCH, Form
from leanpix.web.wire import parse_batch, parse_request

NAMES = [
    "quality",
    "kbyte",
    "width",
    "height",
    "sync",
    "format",
    "return_type",
    "fit",
    "target_score",
    "image_url",
    "keep",
]
FILE_LIMIT = 4096
T = TypeVar("T")


def outcome(work: Callable[[], T]) -> T | CallerError:
    try:
        return work()
    except CallerError as refusal:
        return refusal


def read(content_type: str, body: bytes, cuts: list[int], query: str = "") -> Form:
    edges = sorted({0, *(cut % (len(body) + 1) for cut in cuts), len(body)})
    chunks = [body[begin:end] for begin, end in pairwise(edges)]
    return forms.read(content_type, query, chunks, FILE_LIMIT)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20), max_size=6), st.booleans())
def test_any_fields_are_a_request_or_a_refusal_that_names_one_of_them(fields: dict[str, str], upload: bool) -> None:
    form = forms.form(FILE_LIMIT)
    form.fields.update(fields)
    if upload:
        form.fields.pop("image_url", None)
        form.new_file().write(b"x")
    request = outcome(lambda: parse_request(form))
    if isinstance(request, CallerError):
        assert any(name in str(request) for name in [*NAMES, "image_file"])
    else:
        assert request.options.quality is None or 1 <= request.options.quality <= 100
        assert (request.url is None) == upload


@settings(max_examples=300)
@given(
    st.sampled_from(["", "application/json", "text/plain", "multipart/form-data; boundary=b", "multipart/form-data"]),
    st.binary(max_size=6000) | st.text(max_size=300).map(lambda text: ("{" + text).encode()),
    st.lists(st.integers(0, 6000), max_size=4),
)
def test_any_body_is_read_or_refused(content_type: str, body: bytes, cuts: list[int]) -> None:
    form = outcome(lambda: read(content_type, body, cuts))
    if isinstance(form, CallerError):
        assert str(form)
    else:
        form.close()


@given(
    st.binary(min_size=1, max_size=3000), st.lists(st.integers(0, 6000), max_size=6), st.text('xy/.\\"; ', max_size=9)
)
def test_a_file_arrives_whole_however_the_body_is_cut(content: bytes, cuts: list[int], name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    boundary = "0f9d7c1b2e"
    disposition = f'Content-Disposition: form-data; name="image_file"; filename="{quoted}"'
    body = f"--{boundary}\r\n{disposition}\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
    form = read(f"multipart/form-data; boundary={boundary}", body, cuts)
    assert form.file is not None
    assert forms.content_of(form.file) == content
    form.close()


@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30), max_size=5), st.lists(st.integers(0, 500), max_size=4)
)
def test_urlencoded_fields_arrive_as_they_were_sent(fields: dict[str, str], cuts: list[int]) -> None:
    form = read("application/x-www-form-urlencoded", urlencode(fields).encode(), cuts)
    assert form.fields == fields


@pytest.mark.parametrize("url", ["http://a.example/b\0.jpg", "http://a\0b.example/c.jpg"])
def test_no_zero_byte_of_a_url_is_kept_for_not_every_database_stores_it(url: str) -> None:
    kept = url.replace("\0", "\ufffd")
    for content_type, body in (
        ("application/json", json.dumps({"image_url": url}).encode()),
        ("application/x-www-form-urlencoded", urlencode({"image_url": url}).encode()),
    ):
        assert parse_request(read(content_type, body, [])).url == kept
    batch = forms.read("application/json", "", [json.dumps({"image_urls": [url]}).encode()], FILE_LIMIT, BATCH)
    assert parse_batch(batch).urls == (kept,)


def test_half_a_surrogate_pair_is_refused_and_not_stored() -> None:
    with pytest.raises(BodyError, match="image_url"):
        read("application/json", b'{"image_url": "http://a.example/\\ud800"}', [])
