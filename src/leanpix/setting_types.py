"""Kinds of values that an operator sets: lists by commas, and URLs that are checked before anything uses them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator

from leanpix.domain.formats import EXTRA_FORMATS, OutputFormat, named

_NOTHING = "none"
_HOST = re.compile(r"[A-Za-z0-9._{}-]+|\[[0-9A-Fa-f:.]+\]")
_WEB = ("https", "http")


def split_list(value: object) -> object:
    """A text's parts between its commas, () for `none`; anything else is left to pydantic.

    A JSON list, which some settings asked for once, is still taken. ValueError where it is none.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return _from_json(text)
    if text.lower() == _NOTHING:
        return ()
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _from_json(text: str) -> object:
    try:
        return tuple(json.loads(text))
    except ValueError as failure:
        raise ValueError("values are separated by commas, without brackets and quotes") from failure


def web_url(text: str) -> str:
    """An absolute http or https URL without the slash at its end; ValueError says what is meant."""
    parts = _parts(text, _WEB)
    if parts.query or parts.fragment:
        raise ValueError("a base URL has no ? and no #")
    return text.rstrip("/")


def endpoint_url(text: str) -> str:
    """A web URL that is scheme, host and port alone."""
    found = web_url(text)
    if urlsplit(found).path:
        raise ValueError(f"scheme, host and port alone are meant: {_without_path(found)}")
    return found


def origin(text: str) -> str:
    """What a browser sends as Origin, or * for any."""
    return text if text == "*" else endpoint_url(text)


def extra_format(text: str) -> str:
    """The name of a format that is written where requests name it."""
    if text not in EXTRA_FORMATS:
        raise ValueError(f"a format is {named(EXTRA_FORMATS)}")
    return text


def database_url(text: str) -> str:
    """A URL of PostgreSQL; ValueError."""
    if "://" not in text:
        raise ValueError("postgresql://user:password@host/database is meant")
    if urlsplit(text).scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("only postgresql:// is supported; without this setting rows are in SQLite")
    return text


def bucket_url(text: str) -> str:
    """A bucket of an S3-compatible store and a prefix within it; ValueError."""
    parts = _parts(text, ("s3",))
    if parts.query or parts.fragment:
        raise ValueError("s3://bucket/prefix is meant; the endpoint is set by AWS_ENDPOINT_URL")
    return text


def _parts(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """A URL's parts; ValueError where its scheme is none of these, or it names no host."""
    first = f"{schemes[0]}://"
    meant = first + text.rpartition("://")[2].lstrip("/").rpartition("@")[2]  # without a password
    if "://" not in text:
        raise ValueError(f"the scheme is missing: is {meant} meant?")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as failure:
        raise ValueError(f"that is no URL: {failure}") from failure
    if parts.scheme not in schemes:
        raise ValueError(f"the scheme has to be {' or '.join(schemes)}: is {meant} meant?")
    host = parts.netloc.rpartition("@")[2]
    if not _HOST.fullmatch(host if port is None else host.rpartition(":")[0]):
        raise ValueError(f"that names no host: {first}host is meant")
    return parts


def _without_path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def network(value: object) -> object:
    """A network of a text, or a single address; ValueError says which is meant where bits are set behind its mask."""
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value)
    except ValueError:
        pass
    try:
        meant = ip_network(value, strict=False)
    except ValueError as failure:
        raise ValueError("a network such as 10.1.2.0/24 is meant, or an address") from failure
    raise ValueError(f"{value!r} is an address within a network: is {meant} meant?")


def from_home(path: Path) -> Path:
    """A path that begins with ~, which only a shell would have led to somebody's home."""
    with suppress(RuntimeError):  # nobody's home: it stays as it is
        return path.expanduser()
    return path


Net = Annotated[IPv4Network | IPv6Network, BeforeValidator(network)]
OwnPath = Annotated[Path, AfterValidator(from_home)]
ExtraFormat = Annotated[OutputFormat, BeforeValidator(extra_format)]
CommaList = BeforeValidator(split_list)
WebUrl = Annotated[str, AfterValidator(web_url)]
EndpointUrl = Annotated[str, AfterValidator(endpoint_url)]
Origin = Annotated[str, AfterValidator(origin)]
DatabaseUrl = Annotated[str, AfterValidator(database_url)]
BucketUrl = Annotated[str, AfterValidator(bucket_url)]
