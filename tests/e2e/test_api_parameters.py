"""Every wrong request is a 400 that names the parameter, its value and what is allowed; nothing is charged."""

from __future__ import annotations

import base64
import io

import httpx
import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server

JPG = encoded(gradient(64, 64))
PNG = encoded(gradient(64, 64), "PNG")


def post(server: Server, fields: dict[str, str], file: bytes | None = JPG) -> httpx.Response:
    with server.client() as client:
        return client.post(API, data=fields, files={} if file is None else {"image_file": file})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("quality", "0", "1 to 100"),
        ("quality", "101", "1 to 100"),
        ("quality", "abc", "1 to 100"),
        ("quality", "80.5", "1 to 100"),
        ("kbyte", "-1", "0 to 51200"),
        ("kbyte", "51201", "0 to 51200"),
        ("width", "8001", "0 to 8000"),
        ("width", "-1", "0 to 8000"),
        ("height", "8001", "0 to 8000"),
        ("height", "-1", "0 to 8000"),
        ("height", "\uff11\uff12", "0 to 8000"),
        ("sync", "2", "0 or 1"),
        ("sync", "yes", "0 or 1"),
        ("return_type", "3", "1 or 2"),
        ("format", "gif", "auto, jpg, png, webp, avif or jxl"),
        ("fit", "stretch", "fill or inside or contain or cover"),
        ("target_score", "101", "up to 100"),
        ("keep", "soul", "by commas: copyright, date, gps"),
        ("target_score", "nan", "up to 100"),
    ],
)
def test_a_wrong_value_is_refused_by_name_value_and_range(server: Server, name: str, value: str, allowed: str) -> None:
    answer = post(server, {name: value})
    assert answer.status_code == 400
    body = answer.json()
    assert body["status"] == 400
    assert "data" not in body
    assert name in body["message"]
    assert value in body["message"]
    assert allowed in body["message"]


def test_what_to_keep_is_a_list_however_it_is_written(server: Server) -> None:
    mark = Image.Exif()
    mark[0x8298], mark[0x0132] = "(c) Nobody", "2026:05:04 03:02:01"
    mark.get_ifd(0x8769)[0x9003] = "2026:05:04 03:02:01"
    source = encoded(gradient(64, 64), exif=mark.tobytes())
    common = {"sync": "1", "return_type": "2"}
    written = {"image_base64": base64.b64encode(source).decode(), "sync": 1, "return_type": 2}
    with server.client() as client:
        answers = [
            client.post(API, data=common | {"keep": "copyright,date"}, files={"image_file": source}),
            client.post(API, data=common | {"keep": ["copyright", "date"]}, files={"image_file": source}),
            client.post(f"{API}?keep=copyright&keep=date", data=common, files={"image_file": source}),
            client.post(API, json=written | {"keep": ["copyright", "date"]}),
        ]
        gone = client.post(API, data=common, files={"image_file": source}).json()["data"]
    for answer in answers:
        data = answer.json()["data"]
        with Image.open(io.BytesIO(base64.b64decode(data["image"].rpartition(",")[2]))) as picture:
            assert picture.getexif()[0x8298] == "(c) Nobody"
            assert picture.getexif().get_ifd(0x8769)[0x9003] == "2026:05:04 03:02:01"
        assert data["report"]["lost"] == []
    assert gone["report"]["lost"] == ["copyright", "date"]


def test_quality_and_kbyte_exclude_each_other(server: Server) -> None:
    answer = post(server, {"quality": "80", "kbyte": "50"})
    assert answer.status_code == 400
    assert "quality" in answer.json()["message"]
    assert "kbyte" in answer.json()["message"]


@pytest.mark.parametrize("fields", [{"format": "png"}, {}], ids=["asked for", "by default"])
def test_a_target_size_of_png_output_is_refused_and_jpg_or_webp_suggested(
    server: Server, fields: dict[str, str]
) -> None:
    answer = post(server, {"kbyte": "10", **fields}, PNG)
    assert answer.status_code == 400
    assert "format=jpg or format=webp" in answer.json()["message"]


def test_a_request_needs_exactly_one_source(server: Server) -> None:
    none = post(server, {"sync": "1"}, None)
    both = post(server, {"image_url": "http://example.com/a.jpg"})
    assert none.status_code == both.status_code == 400
    assert "exactly one" in none.json()["message"]
    assert "exactly one" in both.json()["message"]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"quality": "", "kbyte": "", "width": "", "format": ""}, "jpg"),
        ({"kbyte": "0", "width": "0", "height": "0"}, "jpg"),
        ({"format": "jpeg"}, "jpg"),
        ({"format": "WEBP", "unknown": "ignored"}, "webp"),
    ],
)
def test_empty_and_zero_mean_not_given(server: Server, fields: dict[str, str], wanted: str) -> None:
    data = post(server, {"sync": "1", **fields}).json()["data"]
    assert data["state"] == 1
    assert data["report"]["format"] == wanted


def test_both_sides_given_means_exactly_those_and_one_keeps_the_proportions(server: Server) -> None:
    wide = encoded(gradient(200, 100))
    both = post(server, {"sync": "1", "width": "50", "height": "70"}, wide).json()["data"]["report"]
    one = post(server, {"sync": "1", "height": "20"}, wide).json()["data"]["report"]
    assert (both["width_px"], both["height_px"]) == (50, 70)
    assert (one["width_px"], one["height_px"]) == (40, 20)


def test_an_upload_over_20_mb_is_413_and_makes_no_task(server: Server) -> None:
    answer = post(server, {"sync": "1"}, bytes(20 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["status"] == 413


def test_a_side_over_8000_is_a_task_with_minus_14_and_rubbish_one_with_minus_7(server: Server) -> None:
    wide = encoded(Image.new("RGB", (8001, 2)), "PNG")
    too_wide = post(server, {"sync": "1"}, wide)
    rubbish = post(server, {"sync": "1"}, b"not a picture at all")
    assert too_wide.status_code == rubbish.status_code == 200
    assert too_wide.json()["data"]["state"] == -14
    assert rubbish.json()["data"]["state"] == -7
    assert rubbish.json()["message"] != "success"
    assert rubbish.json()["data"]["progress"] < 100
    assert "image" not in rubbish.json()["data"]


def test_a_misspelt_parameter_is_named_in_every_answer_about_its_task(server: Server) -> None:
    made = post(server, {"widht": "32", "Quality": "5", "csrf": "x", "sync": "1"}).json()["data"]
    with server.client() as client:
        asked = client.get(f"{API}/{made['task_id']}").json()["data"]
    assert made["report"]["ignored"] == asked["report"]["ignored"] == ["widht", "Quality"]
    assert "ignored" not in post(server, {"width": "32", "sync": "1"}).json()["data"]["report"]


def test_a_misspelt_parameter_is_named_where_the_task_failed(server: Server) -> None:
    made = post(server, {"widht": "32", "sync": "1"}, b"no picture").json()["data"]
    assert (made["state"], made["report"]["ignored"]) == (-7, ["widht"])


def test_a_finished_task_tells_type_and_sides_as_sister_endpoints_do(server: Server) -> None:
    made = post(server, {"width": "32", "format": "webp", "sync": "1"}).json()["data"]
    assert (made["type"], made["image_width"], made["image_height"]) == ("webp", 32, 32)


def test_a_link_that_can_never_work_makes_no_task_and_a_data_uri_is_the_picture(server: Server) -> None:
    refused = post(server, {"image_url": "ftp://shop.example/a.jpg"}, None)
    assert (refused.status_code, "data" in refused.json()) == (400, False)
    assert "image_url" in refused.json()["message"]
    uri = "data:image/jpeg;base64," + base64.b64encode(JPG).decode()
    assert post(server, {"image_url": uri, "sync": "1"}, None).json()["data"]["state"] == 1
