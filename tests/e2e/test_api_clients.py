"""The forms of request that real clients of this API family send."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server
from tests.support.websites import Quiet, website

from leanpix.client import Client

JPG = encoded(gradient(64, 64))


class _Pictures(Quiet, BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/guarded") and self.headers["Authorization"] != "Basic c2hvcDpzZWNyZXQ=":
            self.send_error(401)
            return
        content = bytes(31 * 1024 * 1024) if self.path.startswith("/huge") else JPG
        status = 404 if self.path.startswith("/missing") else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:  # the service hangs up on what is too large
            self.close_connection = True


@pytest.fixture(scope="module")
def picture_url() -> Iterator[str]:
    with website(_Pictures) as address:
        yield address


@pytest.fixture(scope="module")
def fetching(tmp_path_factory: pytest.TempPathFactory, picture_url: str) -> Iterator[Server]:
    port = picture_url.rpartition(":")[2]
    data_dir = tmp_path_factory.mktemp("fetching") / "data"
    with running_server(data_dir, fetch_allow_nets="127.0.0.0/8", fetch_ports=port) as started:
        yield started


def body(boundary: str, disposition: str, *, header: str = "") -> bytes:
    sync = f'--{boundary}\r\nContent-Disposition: form-data; name="sync"\r\n\r\n1\r\n'
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{header}\r\n"
    return sync.encode() + head.encode() + JPG + f"\r\n--{boundary}--\r\n".encode()


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/form-data; boundary=abc", body("abc", 'name="image_file"; filename="a.jpg"')),
        ('multipart/form-data; boundary="a b c"', body("a b c", 'name="image_file"; filename="a.jpg"')),
        ("multipart/form-data; boundary=----x--y", body("----x--y", 'name="image_file"; filename="a.jpg"')),
        ("Multipart/Form-Data; boundary=abc", body("abc", "name=image_file; filename=a.jpg")),
        ("multipart/form-data; boundary=abc", body("abc", 'name="image_file"')),
        ("multipart/form-data; boundary=abc", body("abc", 'name="file"; filename="/etc/../a.jpg"')),
        (
            "multipart/form-data; boundary=abc",
            body("abc", 'name="image_file"; filename="a.jpg"; filename*=UTF-8\'\'%e2%82%ac.jpg'),
        ),
        (
            "multipart/form-data; boundary=abc",
            body("abc", 'name="image_file"; filename="a.jpg"', header=f"Content-Length: {len(JPG)}\r\n"),
        ),
        (
            "multipart/form-data; boundary=abc",
            body("abc", 'name="image_file"; filename="a.png"', header="Content-Type: text/plain\r\n"),
        ),
    ],
    ids=["plain", "quoted boundary", "dashes", "unquoted", "no filename", "file alias", "filename*", "length", "type"],
)
def test_multipart_as_clients_write_it(server: Server, content_type: str, content: bytes) -> None:
    with server.client() as client:
        answer = client.post(API, content=content, headers={"Content-Type": content_type})
    assert answer.json()["data"]["state"] == 1, answer.text


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "", "text/plain"])
@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,"])
def test_json_under_any_content_type_with_base64(server: Server, content_type: str, prefix: str) -> None:
    text = json.dumps({"sync": 1, "image_base64": prefix + base64.b64encode(JPG).decode(), "quality": 80})
    headers = {"Content-Type": content_type} if content_type else {}
    with server.client() as client:
        answer = client.post(API, content=text.encode(), headers=headers)
    assert answer.json()["data"]["state"] == 1, answer.text


@pytest.mark.parametrize("path", ["/" + API, API + "/", API.replace("/tasks", "//tasks")])
def test_paths_with_stray_slashes_work_without_a_redirect(server: Server, path: str) -> None:
    with server.client() as client:
        answer = client.post(server.base + path, data={"sync": "1"}, files={"image_file": JPG}, follow_redirects=False)
    assert answer.status_code == 200
    assert answer.json()["data"]["state"] == 1


def test_header_names_in_any_case_and_parameters_in_the_query_string(server: Server) -> None:
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.post(
            f"{server.base}{API}?sync=1&format=webp", headers={"x-ApI-kEy": server.key}, files={"image_file": JPG}
        )
    assert answer.json()["data"]["report"]["format"] == "webp"


@pytest.mark.parametrize("form", ["multipart", "urlencoded", "json", "query", "part with a file name"])
def test_a_url_source_in_every_form(fetching: Server, picture_url: str, form: str) -> None:
    url = f"{picture_url}/a.jpg"
    with fetching.client() as client:
        if form == "multipart":
            answer = client.post(API, files={"sync": (None, "1"), "image_url": (None, url)})
        elif form == "urlencoded":
            answer = client.post(API, data={"sync": "1", "image_url": url})
        elif form == "json":
            answer = client.post(API, json={"sync": 1, "image_url": url})
        elif form == "query":
            answer = client.post(API, params={"sync": 1, "image_url": url})
        else:
            answer = client.post(API, data={"sync": "1"}, files={"image_url": ("a.txt", url.encode())})
    assert answer.json()["data"]["state"] == 1, answer.text
    assert url not in answer.text


@pytest.mark.parametrize("form", ["json", "multipart", "urlencoded", "client"])
def test_a_guarded_source_is_fetched_with_the_callers_own_fields(fetching: Server, picture_url: str, form: str) -> None:
    url, headers = f"{picture_url}/guarded.jpg", {"authorization": "Basic c2hvcDpzZWNyZXQ="}
    fields = {"sync": "1", "image_url": url, "source_headers": json.dumps(headers)}
    if form == "client":
        with Client(fetching.base, fetching.key) as own:
            assert own.compress(url, source_headers=headers).data
        return
    with fetching.client() as client:
        assert client.post(API, data={"sync": "1", "image_url": url}).json()["data"]["state"] == -3
        if form == "json":
            answer = client.post(API, json={"sync": 1, "image_url": url, "source_headers": headers})
        elif form == "multipart":
            answer = client.post(API, files={name: (None, value) for name, value in fields.items()})
        else:
            answer = client.post(API, data=fields)
    assert answer.json()["data"]["state"] == 1, answer.text


@pytest.mark.parametrize(
    "headers",
    ["no JSON", "[]", {"Host": "a"}, {"Cookie": "a\r\nHost: b"}, {"Cookie": "hunter2" * 700}, {"Cookie": 1}],
    ids=["no JSON", "a list", "another field", "two fields in one", "too long", "a number"],
)
def test_fields_that_may_not_be_sent_are_refused_and_never_repeated(server: Server, headers: object) -> None:
    text = headers if isinstance(headers, str) else json.dumps(headers)
    with server.client() as client:
        answer = client.post(API, data={"image_url": "https://shop.example/a.jpg", "source_headers": text})
    assert answer.status_code == 400
    assert "source_headers" in answer.json()["message"]
    assert "Authorization, Cookie, Referer" in answer.json()["message"]
    assert "hunter2" not in answer.text


def test_a_source_that_cannot_be_fetched_is_minus_3_and_one_over_30_mb_minus_5(
    fetching: Server, picture_url: str
) -> None:
    with fetching.client() as client:
        states = [
            client.post(API, data={"sync": "1", "image_url": url}).json()["data"]["state"]
            for url in (f"{picture_url}/missing.jpg", "http://127.0.0.1:1/a.jpg", f"{picture_url}/huge.jpg")
        ]
    assert states == [-3, -3, -5]


def test_a_private_address_is_refused_like_an_unreachable_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_server(tmp_path_factory.mktemp("private") / "data") as server, server.client() as client:
        answers = [
            client.post(API, data={"sync": "1", "image_url": url}).json()
            for url in ("http://127.0.0.1/a.jpg", "http://10.0.0.1/a.jpg", "http://localhost/", "http://no.invalid/")
        ]
    assert {answer["data"]["state"] for answer in answers} == {-3}
    assert len({answer["message"] for answer in answers}) == 1


def test_a_result_url_of_this_server_is_a_source_without_any_fetching(server: Server) -> None:
    with server.client() as client:
        first = client.post(API, data={"sync": "1", "quality": "90"}, files={"image_file": JPG}).json()["data"]
        again = client.post(API, data={"sync": "1", "format": "webp", "image_url": first["image"]}).json()["data"]
        broken = client.post(API, data={"sync": "1", "image_url": first["image"] + "x"}).json()["data"]
    assert again["state"] == 1
    assert again["report"]["source_bytes"] == first["report"]["result_bytes"]
    assert broken["state"] == -3


def test_an_asynchronous_task_is_polled_to_its_end(server: Server) -> None:
    with server.client() as client:
        created = client.post(API, files={"image_file": JPG}).json()
        assert created == {"status": 200, "message": "success", "data": {"task_id": created["data"]["task_id"]}}
        deadline = time.monotonic() + 60
        seen = []
        while time.monotonic() < deadline:
            data = client.get(f"{API}/{created['data']['task_id']}").json()["data"]
            seen.append(data["state"])
            if data["state"] == 1:
                break
            assert data["state_detail"] == "Processing"
            assert data["progress"] < 100
            assert "image" not in data
            time.sleep(0.01)
    assert set(seen) <= {1, 4}
    assert data["state_detail"] == "Complete"
    assert data["progress"] == 100
    assert {type(data[name]) for name in ("created_at", "processed_at", "completed_at")} == {str}
    path, _, query = data["image"].partition("?")
    assert path.endswith(".jpg")
    assert "/" not in path[-15:]
    assert query


def test_a_result_answers_get_and_head_from_any_origin_without_a_key(server: Server) -> None:
    with server.client() as client:
        image = client.post(API, data={"sync": "1"}, files={"image_file": JPG}).json()["data"]["image"]
    got = httpx.get(image, headers={"Origin": "https://shop.example"}, trust_env=False)
    head = httpx.head(image, trust_env=False)
    assert got.status_code == head.status_code == 200
    assert got.headers["content-type"] == head.headers["content-type"] == "image/jpeg"
    assert int(head.headers["content-length"]) == len(got.content)
    assert got.headers["access-control-allow-origin"] == "*"


def test_browsers_may_call_the_api_with_any_header(server: Server) -> None:
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key, x-anything",
    }
    answer = httpx.options(server.base + API, headers=headers, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "x-anything" in answer.headers["access-control-allow-headers"]
    other = httpx.get(f"{server.base}/states", headers={"Origin": "https://shop.example"}, trust_env=False)
    assert "access-control-allow-origin" not in other.headers
