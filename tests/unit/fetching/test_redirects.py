"""Where a redirect may lead: each hop is read and judged like the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.forms import fetched

from leanpix.fetching.fetcher import SafeFetcher
from leanpix.fetching.refusal import FetchError, FetchFailure
from leanpix.fetching.url import Target, parse_location, parse_url

if TYPE_CHECKING:
    from tests.unit.fetching.conftest import Dialer, Lab, Origin

PORTS = frozenset({80, 443, 8080})


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def outcome(fetcher: SafeFetcher, url: str) -> str:
    try:
        return "fetched" if fetched(fetcher, url) else "empty"
    except FetchFailure as failure:
        return failure.reason.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "/ok",
        "ok",
        "../ok",
        "/ok#part",
        "//srv.good.net:{P}/ok",
        "http://srv.good.net:{P}/ok",
        "HTTP://127.0.0.1:{P}/ok",
        " /ok ",
    ],
)
def test_redirects_are_followed(lab: Lab, origin: Origin, status: int, location: str) -> None:
    origin.route("/a", redirect(location.replace("{P}", str(origin.port)), status))
    assert outcome(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "fetched"


@pytest.mark.parametrize(("hops", "expected"), [(10, "fetched"), (11, "redirect_limit")])
def test_ten_redirects_are_followed_and_no_more(lab: Lab, origin: Origin, hops: int, expected: str) -> None:
    for hop in range(hops):
        origin.route(f"/{hop}", redirect(f"/{hop + 1}" if hop + 1 < hops else "/ok"))
    assert outcome(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/0") == expected
    assert len(origin.requests) == 11


def test_a_loop_ends(lab: Lab, origin: Origin) -> None:
    origin.route("/a", redirect("/a"))
    assert outcome(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "redirect_limit"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.1:{C}/x", "address_forbidden"),
        ("http://localhost:{C}/x", "address_forbidden"),
        ("//127.0.0.1:{C}/x", "address_forbidden"),
        ("http://inside.evil.net:{C}/x", "address_forbidden"),
        ("http://[::1]:{C}/x", "address_forbidden"),
        ("http://[::ffff:127.0.0.1]:{C}/x", "address_forbidden"),
        ("http://169.254.169.254:{C}/latest/meta-data/", "address_forbidden"),
        ("http://2130706433:{C}/x", "url_invalid"),
        ("http://u:p@srv.good.net:{P}/ok", "url_credentials"),
        ("//u:p@srv.good.net:{P}/ok", "url_credentials"),
        ("http://srv.good.net:22/ok", "url_port"),
        ("file:///etc/passwd", "url_invalid"),
        ("ftp://srv.good.net/ok", "url_scheme"),
        ("gopher://127.0.0.1:{C}/x", "url_scheme"),
        ("data:image/png;base64,AAAA", "url_invalid"),
        ("http:/127.0.0.1:{C}/x", "url_invalid"),
        ("///127.0.0.1:{C}/x", "url_invalid"),
        ("\\\\127.0.0.1:{C}\\x", "url_invalid"),
        ("/\\127.0.0.1:{C}/x", "url_invalid"),
        ("http://a b.net/", "url_invalid"),
        ("/a\x7fb", "url_invalid"),
        ("/" + "a" * 9000, "url_invalid"),
    ],
)
def test_a_redirect_is_judged_like_a_first_url(
    lab: Lab, canary: Origin, dialer: Dialer, location: str, reason: str
) -> None:
    lab.resolver.table.update({"srv.good.net": ["127.0.0.2"], "inside.evil.net": ["127.0.0.1"]})
    origin = type(canary)("127.0.0.2")
    try:
        text = location.replace("{C}", str(canary.port)).replace("{P}", str(origin.port))
        origin.route("/a", redirect(text))
        settings = lab.settings(origin.port, canary.port, 80, nets=("127.0.0.2/32",))
        fetcher = SafeFetcher(settings, resolver=lab.resolver, dialer=dialer)
        assert outcome(fetcher, f"http://srv.good.net:{origin.port}/a") == reason
        assert (dialer.dialled, len(origin.requests)) == (["127.0.0.2"], 1)
    finally:
        origin.close()


def test_a_location_that_is_not_utf_8_is_refused(lab: Lab, origin: Origin) -> None:
    origin.route("/a", b"HTTP/1.1 302 Found\r\nLocation: /\xff\r\nContent-Length: 0\r\n\r\n")
    assert outcome(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "url_invalid"


def test_https_never_leads_to_http() -> None:
    base = parse_url("https://img.good.net/a", PORTS)
    for location in ("http://img.good.net/a", "HTTP://img.good.net:443/a", "http://other.good.net/"):
        with pytest.raises(FetchError, match="redirect_downgrade"):
            parse_location(base, location, PORTS)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://b.good.net/x", ("https", "b.good.net", 443, "/x")),
        ("//b.good.net:8080/x", ("http", "b.good.net", 8080, "/x")),
        ("/x?y#z", ("http", "img.good.net", 80, "/x?y")),
        ("x", ("http", "img.good.net", 80, "/a/x")),
        ("?y", ("http", "img.good.net", 80, "/a/b?y")),
        ("", ("http", "img.good.net", 80, "/a/b?q")),
        ("../../../../x", ("http", "img.good.net", 80, "/x")),
        ("/..//evil.net/x", ("http", "img.good.net", 80, "//evil.net/x")),
        ("/x//y/./z/..", ("http", "img.good.net", 80, "/x//y/")),
        ("x?/../y", ("http", "img.good.net", 80, "/a/x?/../y")),
        ("/ü", ("http", "img.good.net", 80, "/%C3%BC")),
    ],
)
def test_a_location_is_read_as_seen_from_its_page(location: str, expected: tuple[str, str, int, str]) -> None:
    target = parse_location(parse_url("http://img.good.net/a/b?q", PORTS), location, PORTS)
    assert target == Target(*expected, literal=None)


def test_a_base_path_that_looks_like_a_host_is_still_a_path() -> None:
    base = parse_url("http://img.good.net//evil.net/x", PORTS)
    assert parse_location(base, "y", PORTS) == Target("http", "img.good.net", 80, "//evil.net/y", None)


def test_a_raw_space_in_a_url_or_a_location_is_sent_as_an_escape(lab: Lab, origin: Origin) -> None:
    origin.route("/my%20a.jpg?x=%20y", redirect("/my b.jpg"))
    origin.route("/my%20b.jpg", redirect("/ok"))
    assert outcome(lab.fetcher(origin.port), f" http://srv.good.net:{origin.port}/my a.jpg?x= y ") == "fetched"
