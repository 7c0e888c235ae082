"""Fetching a stranger's URL, and posting to one, with every hop judged before it is dialled."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from leanpix.domain.source_headers import SourceHeaders
from leanpix.domain.webhook import WebhookAnswer
from leanpix.fetching.deadline import Clock, Deadline
from leanpix.fetching.decoding import decoder_for
from leanpix.fetching.guard import AddressGuard, IPAddress
from leanpix.fetching.http import Exchange, Head, Headers
from leanpix.fetching.lookup import BoundedLookup, Resolver, system_resolver
from leanpix.fetching.refusal import FetchError, FetchFailure, FetchRefusal
from leanpix.fetching.settings import FetchSettings
from leanpix.fetching.stream import Connector, Dialer, dial, tls_context
from leanpix.fetching.url import Target, parse_location, parse_url
from leanpix.service.ports import Sink

_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_DISCARDED_BYTES, _LONGEST_DISCARD_S = 65536, 1.0


class SafeFetcher:
    """Fetches URLs named by strangers. Thread-safe: one serves every worker thread.

    `resolver` gives the addresses of a name (it may block), `dialer` connects to one address, `ssl_context` takes
    the place of the one made from the settings.
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        resolver: Resolver = system_resolver,
        clock: Clock = time.monotonic,
        ssl_context: ssl.SSLContext | None = None,
        dialer: Dialer = dial,
    ) -> None:
        if ssl_context is None and settings.fetch_ca_file is not None:
            tls_context(settings.fetch_ca_file)  # at the start, which a file without certificates ends
        self._clock = clock
        self._means = _Means(
            settings=settings,
            ports=frozenset(settings.fetch_ports),
            guard=AddressGuard(settings.fetch_allow_nets),
            lookup=BoundedLookup(resolver, settings.fetch_max_lookups),
            connector=Connector(
                lambda: ssl_context or tls_context(settings.fetch_ca_file), settings.fetch_connect_timeout_s, dialer
            ),
        )

    def fetch(self, url: str, into: Sink, headers: SourceHeaders = ()) -> None:
        """Write the bytes behind a URL as they come, redirects followed; headers go to its own origin alone.

        Raises FetchFailure (a TaskFailure): SOURCE_TOO_LARGE over the size limit, DOWNLOAD_FAILED for everything
        else, whether refused or unreachable.
        """
        try:
            self._journey().get(url, into, headers)
        except FetchError as error:
            raise FetchFailure(error.reason) from error

    def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> WebhookAnswer:
        """Deliver a body under the same guard, and return the answer's status whatever it is.

        Follows no redirect and discards the answer's body. Raises FetchError.
        """
        return self._journey().post(url, body, list(headers))

    def admits(self, url: str) -> bool:
        """Whether nothing about the URL as it is written is refused; no name is looked up."""
        try:
            target = parse_url(url, self._means.ports)
            if target.literal is None:
                self._means.guard.known_addresses(target.host)
            else:
                self._means.guard.check(target.literal)
        except FetchError:
            return False
        return True

    def _journey(self) -> _Journey:
        deadline = Deadline.after(self._clock, self._means.settings.fetch_timeout_s, "the whole transfer")
        return _Journey(self._means, deadline)


class _Nowhere:
    """Takes what nobody needs."""

    def write(self, piece: bytes, /) -> int:
        return len(piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Means:
    """What every call shares."""

    settings: FetchSettings
    ports: frozenset[int]
    guard: AddressGuard
    lookup: BoundedLookup
    connector: Connector


class _Journey:
    """One call's way through the net: its deadline, and what it has looked up so far."""

    def __init__(self, means: _Means, deadline: Deadline) -> None:
        self._means, self._deadline = means, deadline
        # One lookup a name and call: a second answer could differ from the one that was judged.
        self._admitted: dict[str, tuple[IPAddress, ...]] = {}

    def get(self, url: str, into: Sink, headers: SourceHeaders) -> None:
        """Follow redirects to a body."""
        target = parse_url(url, self._means.ports)
        trusted = target.origin
        for _ in range(self._means.settings.fetch_max_redirects + 1):
            further = self._get_once(target, into, headers if target.origin == trusted else ())
            if further is None:
                return
            target = further
        raise FetchError(FetchRefusal.REDIRECT_LIMIT, f"at {target.host}")

    def post(self, url: str, body: bytes, headers: Headers) -> WebhookAnswer:
        """Send a body once."""
        target = parse_url(url, self._means.ports)
        with self._exchange(target) as exchange:
            length = ("Content-Length", str(len(body)))
            exchange.send("POST", target.path, [*self._own_headers(target), length, *headers], body)
            head = exchange.head()
            # Read what is left, or the peer may see its own write reset; that it arrived is known already.
            with suppress(FetchError):
                exchange.body(_MAX_DISCARDED_BYTES, _Nowhere(), within_s=_LONGEST_DISCARD_S)
            return WebhookAnswer(head.status, _retry_after_s(head))

    def _get_once(self, target: Target, into: Sink, headers: SourceHeaders) -> Target | None:
        """Write the body, or tell where the answer points to."""
        with self._exchange(target) as exchange:
            accept = [("Accept", "image/*,*/*;q=0.5"), ("Accept-Encoding", "identity")]
            exchange.send("GET", target.path, [*self._own_headers(target), *accept, *headers])
            head = exchange.head()
            if head.status in _REDIRECTS:
                return parse_location(target, _location(head), self._means.ports)
            most = self._means.settings.fetch_max_bytes
            _check_answer(head, most)
            content = decoder_for(head.values(b"content-encoding"), into, most)
            exchange.body(most, content)
            content.end()
            return None

    @contextmanager
    def _exchange(self, target: Target) -> Iterator[Exchange]:
        stream = self._means.connector.open(target, self._addresses(target), self._deadline)
        try:
            yield Exchange(stream, self._means.settings, self._deadline)
        finally:
            stream.close()

    def _addresses(self, target: Target) -> tuple[IPAddress, ...]:
        if target.literal is not None:
            self._means.guard.check(target.literal)
            return (target.literal,)
        if target.host not in self._admitted:
            self._admitted[target.host] = self._look_up(target.host)
        return self._admitted[target.host]

    def _look_up(self, host: str) -> tuple[IPAddress, ...]:
        guard = self._means.guard
        known = guard.known_addresses(host)
        if known is not None:
            return known
        deadline = self._deadline.within(self._means.settings.fetch_dns_timeout_s, "the name's lookup")
        return guard.admit(host, self._means.lookup.answers(host, deadline))

    def _own_headers(self, target: Target) -> Headers:
        agent = ("User-Agent", self._means.settings.fetch_user_agent)
        return [("Host", target.host_header), agent, ("Connection", "close")]


def _location(head: Head) -> str:
    locations = head.values(b"location")
    if len(locations) != 1:
        raise FetchError(FetchRefusal.SOURCE_INVALID, f"a redirect with {len(locations)} locations")
    try:
        return locations[0].decode("utf-8")
    except UnicodeDecodeError as error:
        raise FetchError(FetchRefusal.URL_INVALID, "a location that is not UTF-8") from error


def _retry_after_s(head: Head) -> float | None:
    """The seconds of a Retry-After field, or until its date by the answer's own clock; None where it says neither."""
    told = b"".join(head.values(b"retry-after")[:1]).strip()
    if re.fullmatch(rb"[0-9]{1,9}", told):
        return float(told)
    try:
        moment, now = (parsedate_to_datetime(text.decode("ascii")) for text in (told, *head.values(b"date")[:1]))
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _check_answer(head: Head, max_bytes: int) -> None:
    """Refuse by the head alone what no body can mend."""
    if head.status != _OK:
        raise FetchError(FetchRefusal.SOURCE_STATUS, str(head.status))
    # h11 has checked that a length is digits and said once; a chunked answer's length means nothing.
    lengths = [int(value) for value in head.values(b"content-length")]
    if lengths and lengths[0] > max_bytes:
        raise FetchError(FetchRefusal.SOURCE_TOO_LARGE, f"declares {lengths[0]} bytes")
