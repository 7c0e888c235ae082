"""https: a certificate has to be valid, trusted, and for the name asked for. Real servers, our own authority."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from tests.support.forms import fetched

from leanpix.fetching.fetcher import SafeFetcher
from leanpix.fetching.refusal import FetchFailure

if TYPE_CHECKING:
    from tests.unit.fetching.conftest import Conversation, Lab, Origin

PICTURE = bytes(range(256)) * 8
Serve = Callable[[ssl.SSLContext], "Origin"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve(origin: Origin) -> Iterator[Serve]:
    """Starts https servers with the given context."""
    started: list[Origin] = []

    def start(context: ssl.SSLContext) -> Origin:
        started.append(type(origin)(context=context))
        return started[-1]

    yield start
    for server in started:
        server.close()


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def outcome(lab: Lab, server: Origin, authority: trustme.CA, url: str) -> str:
    settings = lab.settings(server.port)
    fetcher = SafeFetcher(settings, resolver=lab.resolver, ssl_context=trusting(authority))
    try:
        return "fetched" if fetched(fetcher, url.replace("{P}", str(server.port))) else "empty"
    except FetchFailure as failure:
        return failure.reason.value


@pytest.mark.parametrize("host", ["srv.good.net", "127.0.0.1", "SRV.good.net."])
def test_a_trusted_certificate_for_the_name_or_the_address_is_accepted(
    lab: Lab, serve: Serve, authority: trustme.CA, host: str
) -> None:
    server = serve(server_context(authority.issue_cert("srv.good.net", "127.0.0.1")))
    assert outcome(lab, server, authority, f"https://{host}:{{P}}/ok") == "fetched"


def test_the_name_is_sent_although_the_address_is_dialled(lab: Lab, serve: Serve, authority: trustme.CA) -> None:
    names: list[str | None] = []
    context = server_context(authority.issue_cert("xn--bcher-kva.good.net"))
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    lab.resolver.table["xn--bcher-kva.good.net"] = ["127.0.0.1"]
    assert outcome(lab, serve(context), authority, "https://bücher.good.net:{P}/ok") == "fetched"
    assert names == ["xn--bcher-kva.good.net"]


@pytest.mark.parametrize(
    ("names", "url"),
    [
        (["other.good.net"], "https://srv.good.net:{P}/ok"),
        (["good.net"], "https://srv.good.net:{P}/ok"),
        (["127.0.0.1"], "https://srv.good.net:{P}/ok"),  # the address that is dialled is not the name asked for
        (["srv.good.net"], "https://127.0.0.1:{P}/ok"),
    ],
)
def test_a_certificate_for_another_name_is_refused(
    lab: Lab, serve: Serve, authority: trustme.CA, names: list[str], url: str
) -> None:
    server = serve(server_context(authority.issue_cert(*names)))
    assert outcome(lab, server, authority, url) == "source_untrusted"
    assert server.requests == []


def test_an_expired_certificate_is_refused(lab: Lab, serve: Serve, authority: trustme.CA) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    server = serve(server_context(authority.issue_cert("srv.good.net", not_after=past)))
    assert outcome(lab, server, authority, "https://srv.good.net:{P}/ok") == "source_untrusted"
    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(lab: Lab, serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(trustme.CA().issue_cert("srv.good.net")))
    assert outcome(lab, server, authority, "https://srv.good.net:{P}/ok") == "source_untrusted"
    assert server.requests == []


def test_the_default_context_trusts_no_test_authority(lab: Lab, serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority.issue_cert("srv.good.net")))
    with pytest.raises(FetchFailure) as failure:
        fetched(lab.fetcher(server.port), f"https://srv.good.net:{server.port}/ok")
    assert failure.value.reason == "source_untrusted"


def test_a_ca_file_is_trusted_and_only_it(lab: Lab, serve: Serve, authority: trustme.CA, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    good = serve(server_context(authority.issue_cert("srv.good.net")))
    stranger = serve(server_context(trustme.CA().issue_cert("srv.good.net")))
    misnamed = serve(server_context(authority.issue_cert("other.good.net")))
    fetcher = lab.fetcher(good.port, stranger.port, misnamed.port, fetch_ca_file=bundle)
    assert fetched(fetcher, f"https://srv.good.net:{good.port}/ok") == PICTURE
    for refused in (stranger, misnamed):
        with pytest.raises(FetchFailure) as failure:
            fetched(fetcher, f"https://srv.good.net:{refused.port}/ok")
        assert failure.value.reason == "source_untrusted"


def test_old_tls_is_refused(lab: Lab, serve: Serve, authority: trustme.CA, tmp_path: Path) -> None:
    context = server_context(authority.issue_cert("srv.good.net"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    server = serve(context)
    with pytest.raises(FetchFailure):
        fetched(lab.fetcher(server.port, fetch_ca_file=bundle), f"https://srv.good.net:{server.port}/ok")
    assert server.requests == []


def test_a_redirect_from_https_to_http_is_refused(
    lab: Lab, serve: Serve, authority: trustme.CA, origin: Origin
) -> None:
    server = serve(server_context(authority.issue_cert("srv.good.net")))
    location = f"http://srv.good.net:{origin.port}/ok"
    server.route("/a", f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    settings = lab.settings(server.port, origin.port)
    fetcher = SafeFetcher(settings, resolver=lab.resolver, ssl_context=trusting(authority))
    with pytest.raises(FetchFailure) as failure:
        fetched(fetcher, f"https://srv.good.net:{server.port}/a")
    assert (failure.value.reason, origin.connections) == ("redirect_downgrade", 0)


def test_a_redirect_from_http_to_https_is_followed(
    lab: Lab, serve: Serve, authority: trustme.CA, origin: Origin
) -> None:
    server = serve(server_context(authority.issue_cert("srv.good.net")))
    location = f"https://srv.good.net:{server.port}/ok"
    origin.route("/a", f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    settings = lab.settings(server.port, origin.port)
    fetcher = SafeFetcher(settings, resolver=lab.resolver, ssl_context=trusting(authority))
    assert fetched(fetcher, f"http://srv.good.net:{origin.port}/a") == PICTURE


def test_a_stream_cut_without_a_tls_goodbye_is_no_end_of_a_body(lab: Lab, serve: Serve, authority: trustme.CA) -> None:
    """Without a length only the signed close says that the body is whole; anybody can cut the TCP connection."""
    server = serve(server_context(authority.issue_cert("srv.good.net")))
    server.route("/a", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PICTURE)
    assert outcome(lab, server, authority, "https://srv.good.net:{P}/a") == "source_invalid"


def test_a_body_of_known_length_needs_no_tls_goodbye(lab: Lab, serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority.issue_cert("srv.good.net")))
    assert outcome(lab, server, authority, "https://srv.good.net:{P}/ok") == "fetched"


def test_a_plain_server_on_an_https_url_is_refused(lab: Lab, origin: Origin, authority: trustme.CA) -> None:
    assert outcome(lab, origin, authority, "https://srv.good.net:{P}/ok") != "fetched"


def test_a_handshake_that_never_ends_is_cut(lab: Lab, origin: Origin, authority: trustme.CA) -> None:
    """The origin waits for a line that ends a request, the client for a ServerHello."""
    settings = lab.settings(origin.port, fetch_connect_timeout_s=0.3, fetch_timeout_s=60)
    fetcher = SafeFetcher(settings, resolver=lab.resolver, ssl_context=trusting(authority))
    with pytest.raises(FetchFailure) as failure:
        fetched(fetcher, f"https://srv.good.net:{origin.port}/ok")
    assert failure.value.reason == "source_timeout"


def test_a_dripping_body_is_cut_under_tls_too(lab: Lab, serve: Serve, authority: trustme.CA) -> None:
    def drip(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while conversation.send(b"x"):
            conversation.pause(0.05)

    server = serve(server_context(authority.issue_cert("srv.good.net")))
    server.route("/a", drip)
    assert outcome(lab, server, authority, "https://srv.good.net:{P}/a") == "source_timeout"
