"""Plain HTTP clients that send a key as Tinify's do, and pictures for them."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from tests.support.pictures import encoded, gradient
from tests.support.server import Server

JPG = encoded(gradient(200, 100))
ClientOf = Callable[[str], httpx.Client]


def tinify_client(server: Server, key: str) -> httpx.Client:
    return httpx.Client(base_url=server.base, auth=("api", key), timeout=60, trust_env=False)


def shrunk(client: httpx.Client, picture: bytes = JPG) -> str:
    """Upload a picture; the path of its output."""
    answer = client.post("/shrink", content=picture)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location
