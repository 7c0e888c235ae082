# ruff: noqa: RUF001 - look-alike characters are what is tested here
"""Which URLs lead to a connection, and to which address: spellings, names, answers, an operator's exceptions."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from tests.support.forms import fetched

from leanpix.domain.states import TaskState
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.fetching.guard import IPAddress, is_public
from leanpix.fetching.lookup import system_resolver
from leanpix.fetching.refusal import FetchFailure

if TYPE_CHECKING:
    from tests.unit.fetching.conftest import Dialer, Lab, Origin

PUBLIC = "93.184.216.34"
PUBLIC_V6 = "2606:2800:220:1:248:1893:25c8:1946"

# {P} is the port that a canary listens on, on both loopback addresses.
REFUSED_URLS = [
    # schemes and shapes
    ("file:///etc/passwd", "url_invalid"),
    ("file://localhost/etc/passwd", "url_scheme"),
    ("ftp://img.good.net/a.jpg", "url_scheme"),
    ("gopher://127.0.0.1:{P}/_INFO", "url_scheme"),
    ("ws://img.good.net:{P}/", "url_scheme"),
    ("dict://127.0.0.1:{P}/stats", "url_scheme"),
    ("data:image/png;base64,AAAA", "url_invalid"),
    ("javascript:alert(1)", "url_invalid"),
    ("127.0.0.1:{P}/a.jpg", "url_invalid"),
    ("//img.good.net:{P}/a.jpg", "url_invalid"),
    ("http:img.good.net:{P}/a.jpg", "url_invalid"),
    ("http:/img.good.net:{P}/a.jpg", "url_invalid"),
    ("http:///img.good.net:{P}/a.jpg", "url_invalid"),
    ("http://", "url_invalid"),
    ("http://:{P}/a.jpg", "url_invalid"),
    ("", "url_invalid"),
    ("http://img.good.net/" + "a" * 9000, "url_invalid"),
    # characters that parsers repair, each in its own way
    ("http:// img.good.net:{P}/a.jpg", "url_invalid"),
    ("http://img.good.net:{P}/a.jpg\n", "url_invalid"),
    ("http://img.good.net:{P}/a\r\nHost: 127.0.0.1", "url_invalid"),
    ("ht\ttp://img.good.net:{P}/a.jpg", "url_invalid"),
    ("http://img.good.net\t:{P}/a.jpg", "url_invalid"),
    ("http://img.good.net:{P} /a.jpg", "url_invalid"),
    ("http://img.good.net\\.127.0.0.1:{P}/a.jpg", "url_invalid"),
    ("http:\\\\127.0.0.1:{P}\\a.jpg", "url_invalid"),
    ("http://127.0.0.1:{P}\\@img.good.net/a.jpg", "url_invalid"),
    ("http://img.good.net\x00.127.0.0.1:{P}/", "url_invalid"),
    ("http://%31%32%37.0.0.1:{P}/a.jpg", "url_invalid"),
    ("http://img.good.net%00.local:{P}/a.jpg", "url_invalid"),
    ("http://img%2egood.net:{P}/a.jpg", "url_invalid"),
    ("http://\ud800.good.net:{P}/a.jpg", "url_invalid"),
    ("http://img.good.net:{P}/\ud800", "url_invalid"),
    # credentials
    ("http://user@img.good.net:{P}/a.jpg", "url_credentials"),
    ("http://user:pass@img.good.net:{P}/a.jpg", "url_credentials"),
    ("http://@img.good.net:{P}/a.jpg", "url_credentials"),
    ("http://img.good.net:{P}@127.0.0.1:{P}/a.jpg", "url_credentials"),
    ("http://img.good.net:80@127.0.0.1:{P}/#@img.good.net", "url_credentials"),
    # ports
    ("http://img.good.net:22/a.jpg", "url_port"),
    ("http://img.good.net:6379/a.jpg", "url_port"),
    ("http://img.good.net:0/a.jpg", "url_port"),
    ("http://img.good.net:65616/a.jpg", "url_port"),
    ("http://img.good.net:/a.jpg", "url_invalid"),
    ("http://img.good.net:+80/a.jpg", "url_invalid"),
    ("http://img.good.net:８０/a.jpg", "url_invalid"),
    ("http://img.good.net:80:80/a.jpg", "url_invalid"),
    ("http://img.good.net:000080/a.jpg", "url_invalid"),
    # hosts that are no names
    ("http://.../a.jpg", "url_invalid"),
    ("http://./a.jpg", "url_invalid"),
    ("http://img..good.net:{P}/a.jpg", "url_invalid"),
    ("http://.good.net:{P}/a.jpg", "url_invalid"),
    ("http://img.good.net..:{P}/a.jpg", "url_invalid"),
    ("http://-img.good.net:{P}/a.jpg", "url_invalid"),
    ("http://img_.-.good.net:{P}/a.jpg", "url_invalid"),
    ("http://" + "a" * 64 + ".good.net:{P}/a.jpg", "url_invalid"),
    ("http://" + "a.good." * 40 + "net:{P}/a.jpg", "url_invalid"),
    ("http://img.good.net,127.0.0.1:{P}/a.jpg", "url_invalid"),
    ("http://xn--a.good.net:{P}/a.jpg", "url_invalid"),
    ("http://xn--.good.net:{P}/a.jpg", "url_invalid"),
    # loopback, in every spelling
    ("http://127.0.0.1:{P}/a.jpg", "address_forbidden"),
    ("http://127.0.0.1.:{P}/a.jpg", "address_forbidden"),
    ("http://127.255.255.254:{P}/a.jpg", "address_forbidden"),
    ("http://0.0.0.0:{P}/a.jpg", "address_forbidden"),
    ("http://0:{P}/a.jpg", "url_invalid"),
    ("http://127.1:{P}/a.jpg", "url_invalid"),
    ("http://127.0.1:{P}/a.jpg", "url_invalid"),
    ("http://2130706433:{P}/a.jpg", "url_invalid"),
    ("http://0177.0.0.1:{P}/a.jpg", "url_invalid"),
    ("http://0x7f.0.0.1:{P}/a.jpg", "url_invalid"),
    ("http://0x7f000001:{P}/a.jpg", "url_invalid"),
    ("http://0X7F.1:{P}/a.jpg", "url_invalid"),
    ("http://017700000001:{P}/a.jpg", "url_invalid"),
    ("http://127.000.000.001:{P}/a.jpg", "url_invalid"),
    ("http://127.0.0.1.1:{P}/a.jpg", "url_invalid"),
    ("http://127.0.0.0x:{P}/a.jpg", "url_invalid"),
    ("http://256.0.0.1:{P}/a.jpg", "url_invalid"),
    ("http://good.net.1:{P}/a.jpg", "url_invalid"),
    ("http://4294967297:{P}/a.jpg", "url_invalid"),
    ("http://１２７。０。０。１:{P}/a.jpg", "address_forbidden"),
    ("http://①②⑦.⓪.⓪.①:{P}/a.jpg", "address_forbidden"),
    ("http://127｡0｡0｡1:{P}/a.jpg", "address_forbidden"),
    ("http://０x7f000001:{P}/a.jpg", "url_invalid"),
    ("http://127．0．0．1:{P}/a.jpg", "address_forbidden"),
    ("http://localhost:{P}/a.jpg", "address_forbidden"),
    ("http://LOCALHOST.:{P}/a.jpg", "address_forbidden"),
    ("http://img.localhost:{P}/a.jpg", "address_forbidden"),
    ("http://ⓛocalhost:{P}/a.jpg", "address_forbidden"),
    ("http://local\u00adhost:{P}/a.jpg", "address_forbidden"),
    ("http://[::1]:{P}/a.jpg", "address_forbidden"),
    ("http://[0:0:0:0:0:0:0:1]:{P}/a.jpg", "address_forbidden"),
    ("http://[::]:{P}/a.jpg", "address_forbidden"),
    ("http://[::127.0.0.1]:{P}/a.jpg", "address_forbidden"),
    ("http://[::1%lo]:{P}/a.jpg", "url_invalid"),
    ("http://[::1%25lo]:{P}/a.jpg", "url_invalid"),
    ("http://[::1:{P}/a.jpg", "url_invalid"),
    ("http://::1:{P}/a.jpg", "url_invalid"),
    ("http://[::1].good.net:{P}/a.jpg", "url_invalid"),
    ("http://[v1.::1]:{P}/a.jpg", "url_invalid"),
    ("http://[127.0.0.1]:{P}/a.jpg", "url_invalid"),
    # an IPv4 address inside an IPv6 one
    ("http://[::ffff:127.0.0.1]:{P}/a.jpg", "address_forbidden"),
    ("http://[::ffff:7f00:1]:{P}/a.jpg", "address_forbidden"),
    ("http://[::ffff:93.184.216.34]:{P}/a.jpg", "address_forbidden"),
    ("http://[::ffff:0:127.0.0.1]:{P}/a.jpg", "address_forbidden"),
    ("http://[64:ff9b::7f00:1]:{P}/a.jpg", "address_forbidden"),
    ("http://[64:ff9b:1::7f00:1]:{P}/a.jpg", "address_forbidden"),
    ("http://[2002:7f00:1::1]:{P}/a.jpg", "address_forbidden"),
    ("http://[2001:0:7f00:1::]:{P}/a.jpg", "address_forbidden"),
    ("http://[2606:2800:220:1:0:5efe:7f00:1]:{P}/a.jpg", "address_forbidden"),
    ("http://[2606:2800:220:1:200:5efe:a9fe:a9fe]:{P}/a.jpg", "address_forbidden"),
    # cloud metadata
    ("http://169.254.169.254:{P}/latest/meta-data/", "address_forbidden"),
    ("http://168.63.129.16:{P}/machine?comp=goalstate", "address_forbidden"),
    ("http://100.100.100.200:{P}/latest/meta-data/", "address_forbidden"),
    ("http://192.0.0.192:{P}/opc/v1/", "address_forbidden"),
    ("http://[fd00:ec2::254]:{P}/latest/meta-data/", "address_forbidden"),
    # names of the inside
    ("http://metadata:{P}/", "address_forbidden"),
    ("http://metadata.google.internal:{P}/", "address_forbidden"),
    ("http://printer.local:{P}/", "address_forbidden"),
    ("http://router.lan:{P}/", "address_forbidden"),
    ("http://1.0.0.127.in-addr.arpa:{P}/", "address_forbidden"),
]


@pytest.mark.parametrize(("url", "reason"), REFUSED_URLS)
def test_a_refused_url_makes_no_lookup_and_no_connection(
    lab: Lab, canary: Origin, dialer: Dialer, url: str, reason: str
) -> None:
    # Were any of these names looked up, the answer would lead to the canary.
    lab.resolver.everything_else = ["127.0.0.1"]
    settings = lab.settings(80, 443, canary.port, nets=())
    fetcher = SafeFetcher(settings, resolver=lab.resolver, dialer=dialer)
    with pytest.raises(FetchFailure) as failure:
        fetched(fetcher, url.replace("{P}", str(canary.port)))
    assert (failure.value.reason, lab.resolver.asked, dialer.dialled) == (reason, [], [])


REFUSED_ANSWERS = [
    ["127.0.0.1"],
    [PUBLIC, "127.0.0.1"],
    ["127.0.0.1", PUBLIC],
    [*[PUBLIC] * 40, "10.0.0.1"],
    [PUBLIC, PUBLIC_V6, "::1"],
    ["10.0.0.1"],
    ["172.31.255.255"],
    ["192.168.1.1"],
    ["169.254.169.254"],
    ["168.63.129.16"],
    ["100.64.0.1"],
    ["198.18.0.1"],
    ["0.0.0.0"],
    ["224.0.0.1"],
    ["255.255.255.255"],
    ["::1"],
    ["::"],
    ["::ffff:93.184.216.34"],
    ["::ffff:127.0.0.1"],
    ["64:ff9b::a9fe:a9fe"],
    ["fe80::1"],
    ["fe80::1%lo"],
    [PUBLIC_V6 + "%lo"],
    ["fc00::1"],
    ["fd12:3456::1"],
    ["ff02::1"],
    ["2002:a00:1::1"],
    ["2001:db8::1"],
    ["127.1"],
    ["0177.0.0.1"],
    ["not an address"],
    [""],
]


@pytest.mark.parametrize("answers", REFUSED_ANSWERS)
def test_one_bad_answer_refuses_the_name(lab: Lab, canary: Origin, dialer: Dialer, answers: list[str]) -> None:
    lab.resolver.table["img.evil.net"] = answers
    fetcher = SafeFetcher(lab.settings(canary.port, nets=()), resolver=lab.resolver, dialer=dialer)
    with pytest.raises(FetchFailure) as failure:
        fetched(fetcher, f"http://img.evil.net:{canary.port}/a.jpg")
    assert (failure.value.reason, dialer.dialled) == ("address_forbidden", [])
    assert lab.resolver.asked == ["img.evil.net"]


@pytest.mark.parametrize(
    ("url", "name", "dialled"),
    [
        ("http://img.good.net/a.jpg", "img.good.net", PUBLIC),
        ("HTTP://IMG.Good.NET./a.jpg", "img.good.net", PUBLIC),
        ("http://img.good.net?x=1", "img.good.net", PUBLIC),
        ("http://img.good.net/@user:pass", "img.good.net", PUBLIC),
        ("http://img.good.net/?u=http://127.0.0.1/", "img.good.net", PUBLIC),
        ("http://img.good.net#@127.0.0.1/", "img.good.net", PUBLIC),
        ("http://my_bucket.good.net:080/a.jpg", "my_bucket.good.net", PUBLIC),
        ("http://bücher.good.net/a.jpg", "xn--bcher-kva.good.net", PUBLIC),
        ("http://BÜCHER。good.net/a.jpg", "xn--bcher-kva.good.net", PUBLIC),
        ("http://xn--bcher-kva.good.net/a.jpg", "xn--bcher-kva.good.net", PUBLIC),
        ("http://img.ɢood.net/a.jpg", "img.xn--ood-dub.net", PUBLIC),
        ("http://127.0.0.1.good.net/a.jpg", "127.0.0.1.good.net", PUBLIC),
        ("http://93.184.216.34/a.jpg", None, PUBLIC),
        ("http://９３.１８４.２１６.３４/a.jpg", None, PUBLIC),
        ("http://100.63.255.255/a.jpg", None, "100.63.255.255"),
        (f"http://[{PUBLIC_V6.upper()}]/a.jpg", None, PUBLIC_V6),
    ],
)
def test_an_accepted_url_dials_the_host_it_names(
    lab: Lab, dialer: Dialer, url: str, name: str | None, dialled: str
) -> None:
    lab.resolver.everything_else = [PUBLIC]
    with pytest.raises(FetchFailure) as failure:
        fetched(SafeFetcher(lab.settings(nets=()), resolver=lab.resolver, dialer=dialer), url)
    assert failure.value.reason == "source_unreachable"
    assert lab.resolver.asked == ([] if name is None else [name])
    assert dialer.dialled == [dialled]


@pytest.mark.parametrize(
    "edges",
    [
        # the first and the last address of each refused range, then its public neighbours
        ("0.0.0.0", "0.255.255.255", None, "1.0.0.0"),
        ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        ("100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"),
        ("127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"),
        ("169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"),
        ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
        ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
        ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
        ("192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0"),
        ("192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0"),
        ("192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"),
        ("192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"),
        ("192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0"),
        ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
        ("198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
        ("203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"),
        ("224.0.0.0", "255.255.255.255", "223.255.255.255", None),
        ("168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"),
        ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, "2000::"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff::", "2001:200::"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:ffff::", "2003::"),
        ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:7fff::", "2620:4f:8001::"),
        ("3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffd:ffff::", "3fff:1000::"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", None, "3fff:1000::"),
        ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:ffff::", None),
        ("64:ff9b::", "64:ff9b::ffff:ffff", None, None),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("ff00::", "ff0e::1", None, None),
        ("5f00::", "100::1", None, None),
    ],
)
def test_a_special_range_is_refused_to_its_edges_and_no_further(
    edges: tuple[str, str, str | None, str | None],
) -> None:
    first, last, below, above = edges
    assert not is_public(ip_address(first))
    assert not is_public(ip_address(last))
    for neighbour in (below, above):
        assert neighbour is None or is_public(ip_address(neighbour)), neighbour


# ---- what an operator allows


def outcome(fetcher: SafeFetcher, url: str) -> str:
    try:
        return "fetched" if fetched(fetcher, url) else "empty"
    except FetchFailure as failure:
        return failure.reason.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "srv.good.net", "srv.internal", "srv", "a.localhost"])
def test_an_allowed_net_opens_its_addresses_and_the_names_that_lead_there(lab: Lab, origin: Origin, host: str) -> None:
    lab.resolver.everything_else = ["127.0.0.1"]
    assert outcome(lab.fetcher(origin.port), f"http://{host}:{origin.port}/ok") == "fetched"


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        ("http://10.0.0.1/a", []),
        ("http://[::1]/a", []),
        ("http://[::ffff:127.0.0.1]/a", []),
        ("http://[64:ff9b::7f00:1]/a", []),
        ("http://img.good.net/a", ["127.0.0.1", "10.0.0.1"]),
        ("http://img.good.net/a", ["127.0.0.1", "::1"]),
        ("http://printer.local/a", [PUBLIC]),
        ("http://metadata.google.internal/a", ["169.254.169.254"]),
    ],
)
def test_an_allowed_net_opens_nothing_else(lab: Lab, dialer: Dialer, url: str, answers: list[str]) -> None:
    lab.resolver.everything_else = answers
    fetcher = SafeFetcher(lab.settings(), resolver=lab.resolver, dialer=dialer)
    assert (outcome(fetcher, url), dialer.dialled) == ("address_forbidden", [])


@pytest.mark.parametrize(
    ("nets", "address", "reason"),
    [
        (["169.254.0.0/16"], "169.254.1.1", "source_unreachable"),
        (["169.254.0.0/16"], "169.254.169.254", "address_forbidden"),
        (["0.0.0.0/0"], "169.254.169.254", "address_forbidden"),
        (["0.0.0.0/0"], "168.63.129.16", "address_forbidden"),
        (["0.0.0.0/0"], "10.0.0.1", "source_unreachable"),
        (["169.254.169.254/32"], "169.254.169.254", "source_unreachable"),
        (["169.254.169.254"], "169.254.169.254", "source_unreachable"),
        (["fd00::/8"], "[fd00:ec2::254]", "address_forbidden"),
        (["fd00::/8"], "[fd00:1::1]", "source_unreachable"),
        (["fd00:ec2::254"], "[fd00:ec2::254]", "source_unreachable"),
        (["::/0", "0.0.0.0/0"], "[::ffff:10.0.0.1]", "address_forbidden"),
        (["::/0", "0.0.0.0/0"], "[2002:a00:1::1]", "address_forbidden"),
        (["::/0", "0.0.0.0/0"], "[2001:0:a00:1::1]", "address_forbidden"),
        (["::/0", "0.0.0.0/0"], "[64:ff9b:1::a00:1]", "address_forbidden"),
        (["64:ff9b::/96"], "[64:ff9b::5db8:d822]", "source_unreachable"),
        (["64:ff9b::/96"], "[64:ff9b::a00:1]", "address_forbidden"),
        (["64:ff9b::/96", "10.0.0.0/8"], "[64:ff9b::a00:1]", "source_unreachable"),
        (["::/0", "0.0.0.0/0"], "[64:ff9b::a9fe:a9fe]", "address_forbidden"),
    ],
)
def test_a_wide_net_opens_neither_metadata_nor_disguised_addresses(
    lab: Lab, dialer: Dialer, nets: list[str], address: str, reason: str
) -> None:
    fetcher = SafeFetcher(lab.settings(nets=nets), resolver=lab.resolver, dialer=dialer)
    assert outcome(fetcher, f"http://{address}/a") == reason
    assert bool(dialer.dialled) == (reason == "source_unreachable")


def test_localhost_keeps_to_the_loopback_addresses_that_are_allowed(lab: Lab, dialer: Dialer) -> None:
    fetcher = SafeFetcher(lab.settings(nets=["127.0.0.0/8", "::1"]), resolver=lab.resolver, dialer=dialer)
    outcome(fetcher, "http://localhost/a")
    assert (dialer.dialled, lab.resolver.asked) == (["127.0.0.1", "::1"], [])


# ---- lookups and connections


def test_a_second_answer_is_never_asked_for(lab: Lab, origin: Origin, canary: Origin) -> None:
    """DNS rebinding: the first answer is fine, the next one leads to the canary's address."""
    turns = iter([["127.0.0.2"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return next(turns)

    settings = lab.settings(origin.port, canary.port, nets=("127.0.0.2/32",))
    fetcher = SafeFetcher(settings, resolver=rebinding)
    assert outcome(fetcher, f"http://img.evil.net:{canary.port}/ok") == "source_unreachable"
    assert asked == ["img.evil.net"]


def test_a_name_is_looked_up_once_for_all_redirects_of_a_fetch(lab: Lab, origin: Origin) -> None:
    origin.route("/a", b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
    origin.route("/b", b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n")
    assert outcome(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/a") == "fetched"
    assert lab.resolver.asked == ["srv.good.net"]
    assert origin.connections == 3


def test_the_next_address_is_tried_when_one_does_not_answer(lab: Lab, origin: Origin, dialer: Dialer) -> None:
    lab.resolver.table["srv.good.net"] = [PUBLIC, "127.0.0.1"]
    fetcher = SafeFetcher(lab.settings(origin.port), resolver=lab.resolver, dialer=dialer)
    assert outcome(fetcher, f"http://srv.good.net:{origin.port}/ok") == "fetched"
    assert dialer.dialled == [PUBLIC, "127.0.0.1"]


def test_a_name_with_many_addresses_gets_four_connections(lab: Lab, dialer: Dialer) -> None:
    lab.resolver.table["srv.good.net"] = [f"93.184.216.{n}" for n in range(50)]
    fetcher = SafeFetcher(lab.settings(), resolver=lab.resolver, dialer=dialer)
    assert outcome(fetcher, "http://srv.good.net/ok") == "source_unreachable"
    assert len(dialer.dialled) == 4


def test_a_connection_that_ended_elsewhere_is_dropped_before_a_byte_is_sent(lab: Lab, origin: Origin) -> None:
    def astray(address: object, port: int, timeout_s: float) -> socket.socket:
        del address, port
        return socket.create_connection(("127.0.0.1", origin.port), timeout_s)

    lab.resolver.table["srv.good.net"] = [PUBLIC]
    fetcher = SafeFetcher(lab.settings(origin.port), resolver=lab.resolver, dialer=astray)
    assert outcome(fetcher, f"http://srv.good.net:{origin.port}/ok") == "address_forbidden"
    assert origin.requests == []


def test_one_connection_that_ended_elsewhere_ends_the_fetch(lab: Lab, origin: Origin) -> None:
    dialled: list[str] = []

    def astray_each_time(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
        del port
        dialled.append(str(address))
        return socket.create_connection(("127.0.0.1", origin.port), timeout_s)

    lab.resolver.table["srv.good.net"] = [PUBLIC, "127.0.0.1"]
    fetcher = SafeFetcher(lab.settings(origin.port), resolver=lab.resolver, dialer=astray_each_time)
    assert outcome(fetcher, f"http://srv.good.net:{origin.port}/ok") == "address_forbidden"
    assert (dialled, origin.requests) == ([PUBLIC], [])


def test_a_connection_that_is_gone_at_once_is_unreachable(lab: Lab) -> None:
    """The peer's reset may arrive before its address is asked for; a socket never connected stands for that."""

    def gone(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
        del address, port, timeout_s
        return socket.socket()

    fetcher = SafeFetcher(lab.settings(), resolver=lab.resolver, dialer=gone)
    assert outcome(fetcher, "http://srv.good.net/ok") == "source_unreachable"


def test_proxies_of_the_environment_are_ignored(
    lab: Lab, origin: Origin, canary: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    monkeypatch.setenv("no_proxy", "")
    assert outcome(lab.fetcher(origin.port), f"http://srv.good.net:{origin.port}/ok") == "fetched"


def test_refused_and_unreachable_look_alike_from_outside(lab: Lab, dialer: Dialer) -> None:
    fetcher = SafeFetcher(lab.settings(nets=()), resolver=lab.resolver, dialer=dialer)
    seen = set[tuple[TaskState, str]]()
    for url in (
        "http://127.0.0.1/",
        "http://unknown.good.net/",
        "http://93.184.216.34/",
        "http://a:22/",
        "nonsense",
    ):
        with pytest.raises(FetchFailure) as failure:
            fetched(fetcher, url)
        seen.add((failure.value.state, str(failure.value)))
    assert seen == {(TaskState.DOWNLOAD_FAILED, TaskState.DOWNLOAD_FAILED.text)}


def test_the_system_resolver_answers_with_plain_addresses() -> None:
    answers = system_resolver("localhost")
    assert answers
    assert all(ip_address(answer).is_loopback for answer in answers)
