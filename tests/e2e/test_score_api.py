"""`POST /v1/score`: two uploads, a score, the worst place, and a map; a task as any other."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server

from leanpix.client import Client
from leanpix.engine import score

REFERENCE = encoded(gradient(240, 120), "PNG")


def smaller(picture: bytes, quality: int = 30) -> bytes:
    written = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        opened.convert("RGB").save(written, "JPEG", quality=quality)
    return written.getvalue()


def pixels(picture: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGB"))


def ask(server: Server, key: str | None = None, **files: bytes) -> httpx.Response:
    named = {name: (f"{name}.bin", content) for name, content in files.items()}
    headers = {"X-API-KEY": key or server.key}
    return httpx.post(server.base + "/v1/score", headers=headers, files=named or None, timeout=60)


def test_both_figures_and_a_map(server: Server) -> None:
    picture = smaller(REFERENCE)
    data = ask(server, reference=REFERENCE, image=picture).json()["data"]
    assert data["state"] == 1
    assert data["report"]["score"] == pytest.approx(score(pixels(REFERENCE), pixels(picture)), abs=0.5)
    worst = data["report"]["worst"]
    assert worst["left_px"] + worst["width_px"] <= 240
    assert worst["top_px"] + worst["height_px"] <= 120
    assert "saved_share" not in data["report"]
    with Image.open(io.BytesIO(httpx.get(data["image"]).content)) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (240, 120))
    again = httpx.get(f"{server.base}{API}/{data['task_id']}", headers={"X-API-KEY": server.key}).json()["data"]
    assert again["report"]["score"] == data["report"]["score"]


def test_the_reference_is_the_part_of_that_name_wherever_it_stands(server: Server) -> None:
    small = encoded(gradient(50, 40))
    answer = ask(server, image=small, reference=REFERENCE).json()
    assert "the reference is 240 x 120 and the image 50 x 40" in answer["message"]
    assert answer["data"]["state"] == -14


def test_a_credit_is_charged_for_a_comparison_and_none_for_a_failure(server: Server) -> None:
    key = key_for(server, credits=1, qps=1000)
    failed = ask(server, key, reference=REFERENCE, image=b"no picture").json()
    assert failed["data"]["state"] == -7
    assert failed["message"].startswith("image: Invalid image")
    assert ask(server, key, reference=REFERENCE, image=REFERENCE).json()["data"]["credits"] == 1
    assert ask(server, key, reference=REFERENCE, image=REFERENCE).status_code == 401


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"reference": REFERENCE}, "image: not sent"),
        ({"image": REFERENCE}, "reference: not sent"),
        ({"image_file": REFERENCE, "file": REFERENCE}, "reference and image: not sent"),
        ({"reference": REFERENCE, "image": b""}, "image: not sent"),
        ({}, "reference and image: not sent"),
    ],
)
def test_a_missing_picture_is_named(server: Server, files: dict[str, bytes], said: str) -> None:
    answer = ask(server, None, **files)
    assert (answer.status_code, said in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize("fields", [{"image_url": "http://127.0.0.1/a.png"}, {"reference_url": "x", "other_url": "y"}])
@pytest.mark.parametrize("way", ["form", "json", "query"])
def test_a_link_is_refused_by_its_name_whatever_it_comes_in(server: Server, fields: dict[str, str], way: str) -> None:
    sent = {"form": {"data": fields}, "json": {"json": fields}, "query": {"params": fields}}[way]
    answer = httpx.post(server.base + "/v1/score", headers={"X-API-KEY": server.key}, **sent)  # type: ignore[arg-type] # one of three
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{next(iter(fields))}: a comparison fetches nothing")


def test_a_part_that_comes_twice_is_named(server: Server) -> None:
    twice = [("reference", ("a", REFERENCE)), ("image", ("b", REFERENCE)), ("image", ("c", REFERENCE))]
    answer = httpx.post(server.base + "/v1/score", headers={"X-API-KEY": server.key}, files=twice)
    assert (answer.status_code, "image: more than one" in answer.json()["message"]) == (400, True)


def test_a_key_is_needed(server: Server) -> None:
    assert ask(server, "nobody", reference=REFERENCE, image=REFERENCE).status_code == 401


def test_the_client_compares(server: Server) -> None:
    with Client(server.base, server.key) as client:
        found = client.score(REFERENCE, io.BytesIO(smaller(REFERENCE)))
        assert found.score is not None
        assert found.score < 100
        assert isinstance(found.report["worst"], dict)
        assert found.format == "png"
        with pytest.raises(TypeError, match="URL"):
            client.score("http://127.0.0.1/a.png", REFERENCE)
