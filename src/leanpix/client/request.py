"""What both clients are made of: the service, and a call as httpx sends it."""

from __future__ import annotations

import random
import time
import uuid

import httpx

from .flow import Call, Service
from .retries import Retries

DEFAULT_TIMEOUT = httpx.Timeout(60, connect=10)


def service_at(base_url: str, retries: Retries) -> Service:
    """The service, with this process's clocks and randomness."""
    return Service(base_url.rstrip("/"), retries, time.monotonic, time.time, random.random, lambda: str(uuid.uuid4()))


def as_request(http: httpx.Client | httpx.AsyncClient, call: Call, key: str) -> httpx.Request:
    """The request; the key goes along only where the call says so."""
    headers = {**call.headers, "X-API-KEY": key} if call.has_key else dict(call.headers)
    parts: dict[str, tuple[str | None, str | bytes]] = {name: (None, value) for name, value in call.fields.items()}
    if call.file is not None:
        parts["image_file"] = call.file
    return http.build_request(call.method, call.url, headers=headers, files=parts or None)
