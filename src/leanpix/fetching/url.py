"""Reading a URL in exactly one way: what two parsers could read differently is refused, not guessed.

The rules are the WHATWG URL standard's, minus everything it repairs silently (backslashes, tabs, short or octal
IPv4, percent-encoded hosts, missing slashes), because a repair is where two readers part.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from leanpix.fetching.refusal import FetchError, FetchRefusal

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Long enough for signed URLs of object stores, which carry a few kilobytes of query.
_MAX_CHARACTERS = 8192
_FORBIDDEN_CHARACTER = re.compile(r"[\x00-\x1f\x7f\\]")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]+)([^#]*)(?:#.*)?", re.DOTALL)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?")
_NAMED = re.compile(r"([^:\[\]]+)(?::([0-9]{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where one request goes.

    `host` is lower-case ASCII without a trailing dot, `literal` its address if it spells one, `path` the request
    target (path and query, percent-encoded).
    """

    scheme: str
    host: str
    port: int
    path: str
    literal: IPv4Address | IPv6Address | None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: whom a caller's own header fields are meant for."""
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        """The Host field: brackets for IPv6, the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str, ports: Collection[int]) -> Target:
    """Read an absolute http(s) URL whose port is one of `ports`. Raises FetchError (url_*)."""
    url = _checked(url)
    match = _URL.fullmatch(url)
    if match is None:
        raise FetchError(FetchRefusal.URL_INVALID, "not of the form scheme://host/path")
    scheme, authority, path = match[1].lower(), match[2], match[3]
    if scheme not in _DEFAULT_PORTS:
        raise FetchError(FetchRefusal.URL_SCHEME, scheme)
    host, literal, port_text = _parse_authority(authority)
    port = int(port_text) if port_text else _DEFAULT_PORTS[scheme]
    if port not in ports:
        raise FetchError(FetchRefusal.URL_PORT, str(port))
    return Target(scheme, host, port, _request_target(path), literal)


def parse_location(base: Target, location: str, ports: Collection[int]) -> Target:
    """Read a redirect's Location as seen from `base`. Raises FetchError (url_*, redirect_downgrade)."""
    location = _checked(location)
    if _ABSOLUTE.match(location):
        target = parse_url(location, ports)
    elif location.startswith("//"):
        target = parse_url(f"{base.scheme}:{location}", ports)
    else:
        return replace(base, path=_request_target(_merged(base.path, location.partition("#")[0])))
    if base.scheme == "https" and target.scheme == "http":
        raise FetchError(FetchRefusal.REDIRECT_DOWNGRADE, target.host)
    return target


def _checked(url: str) -> str:
    """The text without the spaces around it. One within its path or query is meant as %20, none can be in a host."""
    if len(url) > _MAX_CHARACTERS:
        raise FetchError(FetchRefusal.URL_INVALID, f"longer than {_MAX_CHARACTERS} characters")
    if _FORBIDDEN_CHARACTER.search(url):
        raise FetchError(FetchRefusal.URL_INVALID, "a control character or a backslash")
    if not url.isprintable() and any("\ud800" <= character <= "\udfff" for character in url):
        raise FetchError(FetchRefusal.URL_INVALID, "a lone surrogate")
    return url.strip(" ")


def _parse_authority(authority: str) -> tuple[str, IPv4Address | IPv6Address | None, str | None]:
    """Host in its one spelling, the address it spells if any, and the port's digits."""
    if "@" in authority:
        raise FetchError(FetchRefusal.URL_CREDENTIALS, "user information in the authority")
    if bracketed := _BRACKETED.fullmatch(authority):
        return *_ipv6(bracketed[1]), bracketed[2]
    named = _NAMED.fullmatch(authority)
    if named is None:
        raise FetchError(FetchRefusal.URL_INVALID, "host or port")
    host = _ascii_host(named[1])
    return host, _ipv4(host), named[2]


def _ipv6(text: str) -> tuple[str, IPv6Address]:
    try:
        literal = IPv6Address(text)
    except AddressValueError as error:
        raise FetchError(FetchRefusal.URL_INVALID, "IPv6 address") from error
    return str(literal), literal


def _ascii_host(text: str) -> str:
    """The host as it is looked up: folded (case, width, ideographic stops), A-labels, no trailing dot."""
    host = text.lower() if text.isascii() else text
    if not host.isascii() or "xn--" in host:
        import idna  # noqa: PLC0415 - its tables, for the few hosts that need them

        try:
            host = idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise FetchError(FetchRefusal.URL_INVALID, "internationalised host") from error
    host = host.removesuffix(".")
    if _HOST.fullmatch(host) is None:
        raise FetchError(FetchRefusal.URL_INVALID, "host")
    return host


def _ipv4(host: str) -> IPv4Address | None:
    """The address a host spells in plain dotted decimal; any other spelling that ends in a number is refused."""
    if _NUMBER.fullmatch(host.rpartition(".")[2]) is None:
        return None
    try:
        return IPv4Address(host)
    except AddressValueError as error:
        raise FetchError(FetchRefusal.URL_INVALID, "an odd spelling of an IPv4 address") from error


def _merged(base: str, reference: str) -> str:
    """A relative reference put where the base path's last segment is (RFC 3986, 5.2).

    Not urllib's urljoin: it reads a path that starts with two slashes as a host, and drops empty segments.
    """
    base_path = base.partition("?")[0]
    if not reference:
        return base
    if reference.startswith("?"):
        return base_path + reference
    if reference.startswith("/"):
        return reference
    return f"{base_path.rpartition('/')[0]}/{reference}"


def _request_target(text: str) -> str:
    """Path and query as they go into the request line: rooted, without dot segments, UTF-8 percent-encoded."""
    path, mark, query = text.partition("?")
    target = (_without_dot_segments(path) + mark + query).replace(" ", "%20")
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in target)


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    segments = path.removeprefix("/").split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
