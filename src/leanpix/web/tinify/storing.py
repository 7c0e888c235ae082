"""The `store` command: where a result is to be put, every part of it checked before it reaches a client library."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.export_target import ExportTarget

_NAMES = {
    "region": re.compile(r"[a-z0-9-]{1,40}", re.ASCII),
    "aws_access_key_id": re.compile(r"[!-~]{1,256}", re.ASCII),
    "aws_secret_access_key": re.compile(r"[!-~]{1,256}", re.ASCII),
}
_PATH = re.compile(r"/?(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[ -~\u00a1-\ud7ff]{1,1000})")
_CACHE_CONTROL = re.compile(r"[!-~]([ -~]{0,254}[!-~])?", re.ASCII)
_HIDDEN = "..."

Fields = Mapping[str, object]


def parse_export_target(store: Fields) -> ExportTarget | None:
    """The place, or None where there is none; InvalidParameterError, which never repeats a key."""
    if not store:
        return None
    if store.get("service") != "s3":
        raise InvalidParameterError("store.service", store.get("service"), "s3")
    bucket, key = _path(store)
    return ExportTarget(
        region=_text(store, "region"),
        bucket=bucket,
        key=key,
        access_key_id=_text(store, "aws_access_key_id"),
        secret_access_key=_text(store, "aws_secret_access_key"),
        endpoint=_endpoint(store),
        cache_control=_cache_control(store),
    )


def _text(store: Fields, name: str) -> str:
    value = store.get(name)
    if not isinstance(value, str) or not _NAMES[name].fullmatch(value):
        shown = value if name == "region" else _HIDDEN
        raise InvalidParameterError(f"store.{name}", shown, "a text that names one")
    return value


def _path(store: Fields) -> tuple[str, str]:
    path = store.get("path")
    found = _PATH.fullmatch(path) if isinstance(path, str) else None
    if found is None or {"", ".", ".."} & set(found["key"].split("/")):
        raise InvalidParameterError("store.path", path, "bucket/folder/name")
    return found["bucket"], found["key"]


def _endpoint(store: Fields) -> str | None:
    value = store.get("endpoint")
    if value is not None and not isinstance(value, str):
        raise InvalidParameterError("store.endpoint", value, "a URL")
    return value


def _cache_control(store: Fields) -> str | None:
    """Of the headers that may be given only this one is set; what others say about expiry, it says better."""
    headers = store.get("headers")
    given = {str(name).lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {}
    value = given.get("cache-control")
    if value is not None and (not isinstance(value, str) or not _CACHE_CONTROL.fullmatch(value)):
        raise InvalidParameterError("store.headers", value, "Cache-Control as a line of ASCII")
    return value
