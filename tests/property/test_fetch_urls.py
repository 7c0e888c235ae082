"""Whatever URL is accepted, the host that is dialled is the one that other readers of the same text see."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import ada_url
import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from leanpix.fetching.guard import AddressGuard, is_public
from leanpix.fetching.refusal import FetchError
from leanpix.fetching.url import Target, parse_location, parse_url

PORTS = frozenset({80, 443, 8080})
BASE = "http://img.good.net/a/b?q"
EXAMPLES = settings(max_examples=400)

# What makes readers of URLs disagree, as pieces to be put together in any order.
PIECES = st.sampled_from(
    [
        *(
            "http",
            "https",
            "ftp",
            "HTTP",
            ":",
            "/",
            "//",
            "///",
            "\\",
            "?",
            "#",
            "@",
            "%",
            "[",
            "]",
            ".",
            "..",
            "-",
        ),
        *(
            "_",
            "%2e",
            "%40",
            "%00",
            "%5c",
            "\t",
            "\n",
            " ",
            "\x00",
            "\u00ad",
            "\u200d",
            "\u3002",
            "\uff0e",
            "\uff61",
        ),
        *(
            "127",
            "0",
            "1",
            "0x7f",
            "0177",
            "2130706433",
            "\uff11",
            "\u0661",
            "\u2460",
            "256",
            "::1",
            "::ffff:",
            "80",
        ),
        *(
            "443",
            "8080",
            ":80",
            ":0",
            "localhost",
            "img.good.net",
            "evil.com",
            "b\u00fccher",
            "xn--bcher-kva",
            "xn--",
        ),
        *(
            "fa\u00df",
            "\u212a",
            "\u0131",
            "\U0001f600",
            "\ud800",
            "a",
            "x.y",
            "user:pass@",
            "com.",
            ";",
            ",",
            "&",
            "=",
        ),
        *(
            "%25lo",
            "1.2.3.4",
            "1.2.3",
            "\u2024",
            "\ufe52",
            "\u2488",
            "\u00b2",
            "\u0301",
            "!",
            "~",
            "$",
            "*",
            "'",
            "|",
        ),
    ]
)
HOSTS = st.lists(PIECES, min_size=1, max_size=6).map("".join)
TAILS = st.lists(PIECES, max_size=6).map("".join)
LABELS = st.text(st.one_of(st.sampled_from("aAzZ09-_"), st.characters(categories=["L", "N", "M"])), min_size=1)
NAMES = st.lists(st.one_of(st.sampled_from(["com", "1", "xn--bcher-kva"]), LABELS), min_size=1, max_size=4)
DOTS = st.sampled_from([".", ".", ".", "\u3002", "\uff0e", "\uff61"])
URLS = st.one_of(
    st.builds("http://{}{}".format, st.builds(str.join, DOTS, NAMES), TAILS),
    st.builds("https://{}/".format, st.builds(str.join, DOTS, NAMES)),
    st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "HttP"]), HOSTS, TAILS),
    st.builds("{}{}".format, st.sampled_from(["", "http:", "http:/", "//", "https://a.b@", "http://a.b:80"]), TAILS),
    st.builds("http://{}/".format, st.text(min_size=1, max_size=20)),
    st.builds("http://{}/".format, st.ip_addresses()),
    st.builds("http://[{}]:8080/".format, st.ip_addresses(v=6)),
    st.builds("http://{}/".format, st.integers(min_value=0, max_value=2**33)),
    st.text(max_size=60),
)


def accepted(url: str) -> Target | None:
    """The reading of a URL, None when it is refused."""
    try:
        return parse_url(url, PORTS)
    except FetchError:
        return None


def host_of(text: str) -> str | IPv4Address | IPv6Address:
    """A host for comparing: the address it spells, or the name without the root's dot."""
    bare = text.removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return ip_address(bare)
    except ValueError:
        return bare


def check_against_the_standard(target: Target, url: str, base: str | None = None) -> None:
    """Compare with a reader that follows the WHATWG standard, as browsers do."""
    seen = ada_url.URL(url, base=base)
    assert host_of(seen.hostname) == host_of(target.host)
    assert (seen.protocol, seen.username, seen.password) == (f"{target.scheme}:", "", "")
    assert int(seen.port or {"http": 80, "https": 443}[target.scheme]) == target.port


@EXAMPLES
@given(URLS)
def test_the_standard_sees_the_same_host(url: str) -> None:
    if target := accepted(url):
        check_against_the_standard(target, url)


@EXAMPLES
@given(URLS)
def test_another_client_would_see_the_same_host(url: str) -> None:
    if not (target := accepted(url)):
        return
    try:
        seen = httpx.URL(url.strip(" "))  # which the standard does first, and this client leaves to its caller
    except httpx.InvalidURL:
        return  # stricter than the standard, about emoji and the like: no second opinion
    assert host_of(seen.raw_host.decode()) == host_of(target.host)


@EXAMPLES
@given(URLS)
def test_what_goes_on_the_wire_is_one_line_of_plain_text(url: str) -> None:
    if not (target := accepted(url)):
        return
    for text in (target.path, target.host_header):
        assert all("!" <= character <= "~" for character in text)
    assert target.path.startswith("/")


@EXAMPLES
@given(URLS)
def test_reading_is_stable(url: str) -> None:
    if not (target := accepted(url)):
        return
    assert parse_url(f"{target.scheme}://{target.host_header}{target.path}", PORTS) == target


@EXAMPLES
@given(URLS)
def test_an_address_in_any_spelling_is_judged_as_that_address(url: str) -> None:
    """If the standard sees an address, so do we: it never passes as a name to be looked up."""
    if not (target := accepted(url)):
        return
    seen = host_of(ada_url.URL(url).hostname)
    if isinstance(seen, str):
        assert target.literal is None
    else:
        assert target.literal == seen


@EXAMPLES
@given(URLS)
def test_a_redirect_leads_where_the_standard_says(location: str) -> None:
    try:
        target = parse_location(parse_url(BASE, PORTS), location, PORTS)
    except FetchError:
        return
    check_against_the_standard(target, location, BASE)


@given(st.ip_addresses())
def test_an_answer_is_admitted_when_it_is_public_and_only_then(address: IPv4Address | IPv6Address) -> None:
    try:
        AddressGuard().admit("img.good.net", [str(address)])
    except FetchError:
        assert not is_public(address)
    else:
        assert is_public(address)
        # A second opinion where the standard library is reliable: what it calls private must never pass.
        assert not address.is_private
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast
