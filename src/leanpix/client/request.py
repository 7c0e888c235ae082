"""What both clients are made of: the service, and a call as httpx sends it."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from .flow import Call, Service
from .retries import Retries

DEFAULT_TIMEOUT = httpx.Timeout(60, connect=10)
NO_PROXY: Mapping[str, None] = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
"""An httpx client's mounts: a proxy that the environment names would look for these on itself."""


def checked_key(key: str) -> str:
    """The key without white space around it; ValueError, which never repeats it, for what can be none."""
    plain = key.strip()
    if not plain or not plain.isascii() or not plain.isprintable() or " " in plain:
        raise ValueError("the key is empty or holds characters that no key has, such as a line break within it")
    return plain


def service_at(base_url: str, retries: Retries) -> Service:
    """The service, with this process's clocks and randomness; ValueError for what is no address of one."""
    try:
        parts = urlsplit(base_url.strip())
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"{base_url!r} is no base URL: it has to begin with http:// or https:// and name a host")
    return Service(
        base_url.strip().rstrip("/"), retries, time.monotonic, time.time, random.random, lambda: str(uuid.uuid4())
    )


def as_request(http: httpx.Client | httpx.AsyncClient, call: Call, key: str) -> httpx.Request:
    """The request; the key goes along only where the call says so."""
    headers = {**call.headers, "X-API-KEY": key} if call.has_key else dict(call.headers)
    parts: dict[str, tuple[str | None, str | bytes]] = {name: (None, value) for name, value in call.fields.items()}
    parts |= call.files
    return http.build_request(call.method, call.url, headers=headers, files=parts or None)
