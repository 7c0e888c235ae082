"""The endpoints that Tinify's clients call, spoken to byte by byte as those clients do."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image
from tests.support.accounts import key_for
from tests.support.cluster import until
from tests.support.pictures import encoded, gradient
from tests.support.raw import connected
from tests.support.server import API, Server
from tests.support.tinify import JPG, ClientOf, shrunk


def size_of(answer: httpx.Response) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as picture:
        told = int(answer.headers["image-width"]), int(answer.headers["image-height"])
        assert picture.size == told
        assert Image.MIME[str(picture.format)] == answer.headers["content-type"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    return told


@pytest.mark.parametrize(
    "label", ["", "application/x-www-form-urlencoded", "image/png", "multipart/form-data", "application/json"]
)
def test_raw_bytes_are_a_picture_whatever_they_are_labelled(tinify: httpx.Client, label: str) -> None:
    answer = tinify.post("/shrink", content=JPG, headers={"Content-Type": label} if label else {})
    told = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].startswith("/output/")
    assert told["input"] == {"size": len(JPG), "type": "image/jpeg"}
    output = told["output"]
    assert (output["type"], output["width"], output["height"]) == ("image/jpeg", 200, 100)
    assert output["ratio"] == round(output["size"] / len(JPG), 4)
    result = tinify.get(answer.headers["location"])
    assert size_of(result) == (200, 100)
    assert len(result.content) == output["size"] < len(JPG)
    assert httpx.get(output["url"], trust_env=False).content == result.content


def test_a_chunked_body_is_taken(tinify: httpx.Client) -> None:
    answer = tinify.post("/shrink", content=iter([JPG[:1000], JPG[1000:]]))
    assert answer.status_code == 201


def test_the_same_routes_are_under_a_prefix(tinify: httpx.Client) -> None:
    location = tinify.post("/tinify/shrink", content=JPG).headers["location"]
    assert location.startswith("/output/")
    assert tinify.get(f"/tinify{location}").content == tinify.get(location).content


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("resize", "size"),
    [
        ({"method": "scale", "width": 50}, (50, 25)),
        ({"method": "scale", "height": 400}, (200, 100)),
        ({"method": "fit", "width": 60, "height": 60}, (60, 30)),
        ({"method": "cover", "width": 60, "height": 60}, (60, 60)),
        ({"method": "thumb", "width": "40", "height": "20"}, (40, 20)),
        ({"method": "scale", "width": 50.0, "height": None}, (50, 25)),
        ({"method": "scale", "width": 50, "height": 0}, (50, 25)),
        ({"width": 50}, (50, 25)),
        ({"height": "25", "width": "0"}, (50, 25)),
    ],
    ids=[
        "scale",
        "no enlarging",
        "fit",
        "cover",
        "thumb",
        "a number that JSON may spell so",
        "a height of 0",
        "no method",
        "0 as text",
    ],
)
def test_commands_work_on_the_uploaded_picture(
    tinify: httpx.Client, method: str, resize: dict[str, object], size: tuple[int, int]
) -> None:
    location = shrunk(tinify)
    # As curl labels a body that it was not told the type of.
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = tinify.request(method, location, content=json.dumps({"resize": resize}), headers=headers)
    assert size_of(answer) == size
    assert answer.headers["compression-count"] == "2"
    assert size_of(tinify.get(location)) == (200, 100)


def test_the_smallest_of_several_types_and_a_background(tinify: httpx.Client) -> None:
    picture = gradient(64, 64).convert("RGBA")
    picture.putalpha(0)
    location = shrunk(tinify, encoded(picture, "PNG"))
    any_type = tinify.post(location, json={"convert": {"type": ["image/avif", "image/jpeg", "image/webp"]}})
    assert any_type.headers["content-type"] in {"image/avif", "image/webp"}
    alone = [
        len(tinify.post(location, json={"convert": {"type": kind}}).content) for kind in ("image/avif", "image/webp")
    ]
    assert len(any_type.content) == min(alone)
    commands = {"convert": {"type": "image/jpeg"}, "transform": {"background": "#f80"}}
    with Image.open(io.BytesIO(tinify.post(location, json=commands).content)) as filled:
        assert filled.convert("RGB").getpixel((30, 30)) == pytest.approx((255, 136, 0), abs=16)


def test_copyright_is_preserved_when_asked(tinify: httpx.Client) -> None:
    mark = Image.Exif()
    mark[0x8298] = "(c) Nobody"
    location = shrunk(tinify, encoded(gradient(64, 64), exif=mark.tobytes()))
    for asked, kept in (([], None), (["copyright"], "(c) Nobody")):
        answer = tinify.post(location, json={"preserve": asked})
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.getexif().get(0x8298) == kept


@pytest.mark.parametrize(
    ("commands", "named"),
    [
        ({"resize": {"method": "scale", "width": 10, "height": 10}}, "resize.method"),
        ({"resize": {"method": "fit", "width": 10}}, "resize.method"),
        ({"resize": {"method": "crop", "width": 10}}, "resize.method"),
        ({"resize": {"method": "scale", "width": 0}}, "resize.method"),
        ({"resize": {"width": 60, "height": 60}}, "resize.method"),
        ({"resize": {"width": -1}}, "resize.width"),
        ({"resize": "small"}, "resize"),
        ({"convert": {"type": "image/heic"}}, "convert.type"),
        ({"convert": {"type": ["image/webp", 5]}}, "convert.type"),
        ({"convert": {"type": ["image/webp"] * 17}}, "convert.type"),
        ({"convert": {}}, ""),
        ({"transform": {"background": "salmon"}}, "transform.background"),
        ({"preserve": ["camera"]}, "preserve"),
        ({"enhance": True}, "command"),
        ({"store": {"service": "gcs"}}, "store.service"),
        ({"store": {"service": "s3", "path": "no-bucket"}}, "store.path"),
        ({"store": {"service": "s3", "path": "pictures/../x"}}, "store.path"),
        ({"store": {"service": "s3", "path": "pictures/a.jpg", "region": "here\r\n"}}, "store.region"),
    ],
)
def test_a_wrong_command_is_a_400_that_names_it(tinify: httpx.Client, commands: dict[str, object], named: str) -> None:
    answer = tinify.post(shrunk(tinify), json=commands)
    if not named:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
    assert answer.json()["message"].startswith(f"{named}=")


def test_malformed_json_is_a_400_and_closes(tinify: httpx.Client) -> None:
    location = shrunk(tinify)
    for path in ("/shrink", location):
        answer = tinify.post(path, content=b'{"source": ', headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["connection"]) == (400, "close")


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"", 400, "InputMissing"),
        (b"no picture at all", 415, "UnsupportedMediaType"),
        (JPG[:300], 415, "UnsupportedMediaType"),
        (bytes(21 * 1024 * 1024), 413, "FileTooLarge"),
    ],
    ids=["nothing", "text", "cut short", "too large"],
)
def test_what_is_no_picture_is_told_in_their_words_and_costs_nothing(
    tinify: httpx.Client, content: bytes, status: int, error: str
) -> None:
    answer = tinify.post("/shrink", content=content)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert shrunk(tinify)
    assert tinify.get("/output/" + "0" * 56).status_code == 404


@pytest.mark.parametrize("text", ["no JSON", '{"source": ' + "é" * 40_000, "[" * 70_000], ids=["short", "long", "deep"])
def test_text_that_is_labelled_json_is_malformed_json_and_no_picture(tinify: httpx.Client, text: str) -> None:
    answer = tinify.post("/shrink", content=text.encode(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")


def test_a_url_that_cannot_be_fetched_is_a_400(tinify: httpx.Client) -> None:
    answer = tinify.post("/shrink", json={"source": {"url": "http://127.0.0.1:1/a.jpg"}})
    assert (answer.status_code, answer.json()["error"]) == (400, "SourceNotFound")
    assert tinify.post("/shrink", json={"source": {}}).status_code == 400


def test_a_good_key_is_told_from_a_bad_one_by_an_empty_body(
    server: Server, client_of: ClientOf, tinify: httpx.Client
) -> None:
    validated = tinify.post("/shrink")
    assert (validated.status_code, validated.headers["compression-count"]) == (400, "0")
    for wrong in ("lp_aaaa_bbbb", "", "x" * 3000):
        answer = client_of(wrong).post("/shrink", content=JPG)
        assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized")
        assert answer.json()["message"] == "Credentials are invalid"
    bare = httpx.post(f"{server.base}/shrink", content=JPG, trust_env=False)
    assert bare.status_code == 401


def test_a_plugin_asks_for_its_key_before_it_saves_it(server: Server, client_of: ClientOf) -> None:
    key = key_for(server, "asked for", qps=1000)
    client = client_of(key)
    shrunk(client)
    answer = client.get(f"/keys/{key}")
    assert (answer.status_code, answer.headers["compression-count"]) == (200, "1")
    assert key not in answer.text
    assert client.get("/keys/another").status_code == 404
    assert client_of("lp_aaaa_bbbb").get("/keys/lp_aaaa_bbbb").status_code == 401


def test_the_place_is_a_whole_url_for_a_client_that_speaks_https(tinify: httpx.Client) -> None:
    told = tinify.post("/shrink", content=JPG, headers={"X-Forwarded-Proto": "https"}).headers["location"]
    assert told.startswith("https://")
    assert tinify.get(httpx.URL(told).path).status_code == 200
    assert shrunk(tinify).startswith("/output/")


def test_header_names_are_spelt_as_in_print_and_bodies_are_left_alone(server: Server, tinify: httpx.Client) -> None:
    head = f"POST /shrink HTTP/1.1\r\nHost: a\r\nAuthorization: {_basic(tinify)}\r\nConnection: close\r\n"
    with connected(server) as connection:
        connection.sendall(f"{head}Content-Length: {len(JPG)}\r\n\r\n".encode() + JPG)
        with connection.makefile("rb") as answer:
            told, _, body = answer.read().partition(b"\r\n\r\n")
    names = {line.partition(b":")[0] for line in told.split(b"\r\n")[1:]}
    assert {b"Location", b"Compression-Count", b"Content-Type", b"Content-Length"} <= names
    assert json.loads(body)["output"]["type"] == "image/jpeg"


def test_forty_at_once_on_a_slow_key_all_end_well(server: Server, client_of: ClientOf) -> None:
    client = client_of(key_for(server, "slow", qps=4))
    with ThreadPoolExecutor(40) as threads:
        codes = list(threads.map(lambda _: client.post("/shrink", content=JPG, timeout=60).status_code, range(40)))
    assert codes == [201] * 40


def test_without_credits_the_answer_is_429_and_tells_that_none_remain(server: Server, client_of: ClientOf) -> None:
    client = client_of(key_for(server, credits=1, qps=1000))
    location = shrunk(client)
    for answer in (
        client.post("/shrink", content=JPG),
        client.post(location, json={"resize": {"method": "scale", "width": 9}}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (429, "TooManyRequests")
        assert answer.headers["compression-count-remaining"] == "0"
    assert client.post("/shrink").status_code == 400
    assert client.get(location).status_code == 200


def test_a_rate_is_kept_by_waiting(server: Server, client_of: ClientOf) -> None:
    client = client_of(key_for(server, qps=4))
    assert [client.post("/shrink", content=JPG).status_code for _ in range(8)] == [201] * 8


def test_an_output_is_for_its_own_key_and_no_task_id_opens_one(
    server: Server, client_of: ClientOf, tinify: httpx.Client
) -> None:
    location = shrunk(tinify)
    stranger = client_of(key_for(server, "stranger", qps=1000))
    assert stranger.get(location).status_code == 404
    bare = httpx.post(server.base + location, json={"convert": {"type": "image/png"}}, trust_env=False)
    assert bare.status_code == 401
    with server.client() as native:
        made = native.post(API, data={"sync": "1"}, files={"image_file": JPG}).json()["data"]["task_id"]
    forged = made.replace("-", "") + location[-24:]
    assert tinify.get(f"/output/{forged}").status_code == 404


def test_a_get_that_carries_its_commands_over_a_plain_connection(server: Server, tinify: httpx.Client) -> None:
    body = b'{"resize":{"method":"scale","width":20}}'
    request = tinify.build_request("GET", shrunk(tinify))
    head = f"GET {request.url.path} HTTP/1.1\r\nHost: a\r\nAuthorization: {_basic(tinify)}\r\n"
    with connected(server) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        with connection.makefile("rb") as answer:
            text = answer.read()
    assert b"image-width: 20" in text.lower()


def _basic(client: httpx.Client) -> str:
    assert client.auth is not None
    return next(client.auth.auth_flow(httpx.Request("GET", "http://a"))).headers["authorization"]


def test_an_upload_stays_for_commands_and_one_that_failed_does_not(server: Server, tinify: httpx.Client) -> None:
    folder = server.data_dir / "files" / "sources"

    def kept() -> set[str]:
        return {path.name.replace("-", "") for path in folder.iterdir()} if folder.exists() else set()

    before, location = kept(), shrunk(tinify)
    with server.client() as native:
        native.post(API, data={"sync": "1"}, files={"image_file": JPG})
    assert tinify.post("/shrink", content=b"no picture").status_code == 415
    assert tinify.post(location, json={"resize": {"method": "scale", "width": 20}}).status_code == 200
    # A source is dropped right after its task's end is told.
    until(lambda: kept() - before == {location.removeprefix("/output/")[:32]})


def test_an_upload_whose_answer_was_lost_can_be_sent_again(tinify: httpx.Client) -> None:
    once = {"Idempotency-Key": "one upload"}
    first, again = (tinify.post("/shrink", content=JPG, headers=once) for _ in range(2))
    assert first.headers["location"] == again.headers["location"]
    assert again.headers["compression-count"] == "1"
    refused = tinify.post("/shrink", content=JPG + b"x", headers=once)
    assert (refused.status_code, refused.json()["error"]) == (400, "BadRequest")
    assert refused.json()["message"].startswith("Idempotency-Key: ")
