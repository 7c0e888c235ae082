"""Sources and fields as forms, pages and scripts send them: what is unused is absent, what cannot work is named."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest
from tests.support import forms
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import CallerError, InvalidParameterError, SourceCountError
from leanpix.web.body import Form
from leanpix.web.wire import WireRequest, parse_request

PICTURE = encoded(gradient(64, 48))
DATA_URI = "data:image/jpeg;base64," + base64.b64encode(PICTURE).decode()
MULTIPART, URLENCODED, JSON = "multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "application/json"
LIMIT = 100_000


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    told = "" if filename is None else f'; filename="{filename}"'
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'.encode() + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


def parsed(form: Form) -> tuple[WireRequest, bytes | None]:
    """The request, and the bytes of its picture."""
    try:
        return parse_request(form), None if form.file is None else forms.content_of(form.file)
    finally:
        form.close()


def read(content_type: str, body: bytes, query: str = "", step: int = 1000) -> tuple[WireRequest, bytes | None]:
    chunks = [body[at : at + step] for at in range(0, len(body), step)]
    return parsed(forms.read(content_type, query, chunks, LIMIT))


@pytest.mark.parametrize("name", ["image_file", "file"])
def test_an_empty_file_part_beside_a_link_is_absent(name: str) -> None:
    link = part("image_url", b"https://shop.example/hat.jpg")
    for parts in ((part(name, b"", ""), link), (link, part(name, b"", ""))):
        request, picture = read(MULTIPART, multipart(*parts))
        assert (request.url, picture) == ("https://shop.example/hat.jpg", None)


def test_an_empty_file_part_beside_a_picture_is_absent() -> None:
    assert read(MULTIPART, multipart(part("file", b"", ""), part("image_file", PICTURE, "a.jpg")))[1] == PICTURE


def test_an_empty_file_part_alone_is_refused() -> None:
    with pytest.raises(SourceCountError, match="image_file"):
        read(MULTIPART, multipart(part("image_file", b"", "")))


def test_two_pictures_are_refused() -> None:
    with pytest.raises(SourceCountError, match="more than one file"):
        read(MULTIPART, multipart(part("image_file", PICTURE, "a"), part("file", PICTURE, "b")))


def test_a_second_file_under_another_name_is_passed_over_whatever_its_size() -> None:
    mask = part("mask_file", bytes(2 * LIMIT), "mask.png")
    assert read(MULTIPART, multipart(mask, part("image_file", PICTURE, "a.jpg")))[1] == PICTURE


@pytest.mark.parametrize("url", ["ftp://shop.example/a.jpg", "shop.example/a.jpg", "//shop.example/a.jpg", "http:///a"])
def test_a_link_that_can_never_work_is_refused_by_its_name(url: str) -> None:
    for content_type, body in ((URLENCODED, urlencode({"image_url": url})), (JSON, json.dumps({"image_url": url}))):
        with pytest.raises(InvalidParameterError, match="image_url") as refused:
            read(content_type, body.encode())
        assert url in str(refused.value)


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("space", ["", "\n "])
def test_a_data_uri_as_the_link_is_the_picture(space: str, step: int) -> None:
    uri = space + DATA_URI
    bodies = {
        MULTIPART: multipart(part("image_url", uri.encode()), part("sync", b"1")),
        URLENCODED: urlencode({"image_url": uri, "sync": "1"}).encode(),
        JSON: json.dumps({"image_url": uri.strip(), "sync": 1}).replace("/", "\\/").encode(),
    }
    for content_type, body in bodies.items():
        request, picture = read(content_type, body, step=step)
        assert (request.url, request.sync, picture) == (None, True, PICTURE)


def test_a_data_uri_in_the_query_string_is_the_picture() -> None:
    request, picture = read(URLENCODED, b"", urlencode({"image_url": DATA_URI}))
    assert (request.url, picture) == (None, PICTURE)


def test_a_large_data_uri_is_bound_by_the_pictures_limit_not_the_fields() -> None:
    large = "data:;base64," + base64.b64encode(bytes(LIMIT)).decode()
    assert read(JSON, json.dumps({"image_url": large}).encode())[1] == bytes(LIMIT)
    with pytest.raises(CallerError, match=str(LIMIT)):
        read(JSON, json.dumps({"image_url": large[:-4] + "AAAAAAAA"}).encode())


@pytest.mark.parametrize("length", [2049, 8192])
def test_a_signed_link_of_kilobytes_is_taken(length: int) -> None:
    url = "https://bucket.example/a.jpg?signature=".ljust(length, "x")
    assert read(URLENCODED, urlencode({"image_url": url}).encode())[0].url == url


def test_a_longer_link_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="8192"):
        read(URLENCODED, urlencode({"image_url": "https://a.example/".ljust(8193, "x")}).encode())


@pytest.mark.parametrize(
    "name", ["widht", "Quality", "image-url", "WIDTH", "returntype", "kbytes", "formt", "call_back_url", "targetScore"]
)
def test_a_name_near_a_parameters_is_told(name: str) -> None:
    file = part("image_file", PICTURE, "a.jpg")
    assert read(MULTIPART, multipart(part(name, b"1"), file))[0].ignored == (name,)
    assert read(MULTIPART, multipart(file), urlencode({name: "1"}))[0].ignored == (name,)
    assert read(JSON, json.dumps({name: 1, "image_base64": DATA_URI}).encode())[0].ignored == (name,)


def test_a_request_without_a_source_names_what_came_in_its_place() -> None:
    told = "passed over as no parameter here: "
    with pytest.raises(SourceCountError, match=f"neither was sent .*{told}image$"):
        read(MULTIPART, multipart(part("image", PICTURE, "a.jpg"), part("sync", b"1")))
    with pytest.raises(SourceCountError, match=f"{told}image_file, url$"):
        read(JSON, json.dumps({"image_file": DATA_URI, "url": "https://shop.example/a.jpg"}).encode())
    with pytest.raises(SourceCountError, match=r"exactly one of them is required$"):
        read(MULTIPART, multipart(part("x" * 100, PICTURE, "a.jpg"), part("bild\u00fc", PICTURE, "a.jpg")))
    with pytest.raises(SourceCountError, match=r"both were sent; exactly one of them is required$"):
        read(
            MULTIPART, multipart(part("image_url", b"https://a.example/b"), part("image_file", PICTURE), part("x", b""))
        )


@pytest.mark.parametrize(
    "name", ["", "mask_file", "submit", "csrf_token", "user", "x" * 5000, "widt\u00fc", "\ud800idth"]
)
def test_other_names_are_not_told(name: str) -> None:
    body = json.dumps({name: 1, "image_base64": DATA_URI, "quality": 80}).encode()
    assert read(JSON, body)[0].ignored == ()


def test_few_names_are_told_each_once() -> None:
    names = ["widht", "widht", *(f"width{number}" for number in range(90))]
    body = multipart(*(part(name, b"1") for name in names), part("image_file", PICTURE, "a.jpg"))
    assert read(MULTIPART, body)[0].ignored == ("widht", *(f"width{number}" for number in range(7)))
