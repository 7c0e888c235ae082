"""Which addresses may be dialled: public ones, and those an operator has listed.

The ranges are written out, not asked of `ipaddress.is_global`: its meaning changed between patch releases of
Python, and it calls some multicast global. Sources: the IANA special-purpose address registries for IPv4 and IPv6,
and the fixed addresses that cloud hosts serve credentials on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from leanpix.fetching.refusal import FetchError, FetchRefusal

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


def _nets(text: str) -> tuple[IPNetwork, ...]:
    return tuple(ip_network(net) for net in text.split())


_IPV4_SPECIAL = _nets(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32"
)
# Everything else (mapped, NAT64, discard-only, unique local, link-local, site-local, multicast, SRv6) lies outside.
_IPV6_UNICAST = IPv6Network("2000::/3")
_IPV6_SPECIAL = _nets("2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3ffe::/16 3fff::/20")
# Their packets end at an IPv4 address that this list did not judge, so not even an operator's net admits them.
_IPV4_IN_DISGUISE = _nets("::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b:1::/48 2001::/32 2002::/16")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
# AWS (instance, ECS, EKS, DNS), GCP, Azure, Oracle, Alibaba, Scaleway: inside ranges an operator may well list.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        *("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253", "169.254.42.42"),
        *("168.63.129.16", "192.0.0.192", "100.100.100.200"),
        *("fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"),
    )
)
_INTERNAL_SUFFIXES = (
    *(".localdomain", ".local", ".internal", ".intranet", ".private", ".lan", ".home", ".corp", ".mail"),
    *(".arpa", ".onion", ".invalid", ".test", ".example", ".alt"),
)
# RFC 6761: the name means this machine whatever a resolver says, so none is asked.
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


def is_public(address: IPAddress) -> bool:
    """Whether an address is ordinary public unicast."""
    if isinstance(address, IPv4Address):
        return not _within(address, _IPV4_SPECIAL)
    special = _within(address, _IPV6_SPECIAL) or address.packed[8:12] in _ISATAP or address.scope_id is not None
    return address in _IPV6_UNICAST and not special


class AddressGuard:
    """Judges names and their answers; `allow_nets` are the operator's exceptions."""

    def __init__(self, allow_nets: Iterable[IPNetwork] = ()) -> None:
        self._allow_nets = tuple(allow_nets)

    def known_addresses(self, host: str) -> tuple[IPAddress, ...] | None:
        """The addresses of a name that needs no lookup (localhost), or None.

        Raises FetchError for a name of the inside that no allowed net could make reachable: it is not even asked
        for.
        """
        if host == "localhost" or host.endswith(".localhost"):
            return self._admit_loopback(host)
        if _is_internal(host) and not self._allow_nets:
            raise FetchError(FetchRefusal.ADDRESS_FORBIDDEN, f"{host} is a name of the inside")
        return None

    def admit(self, host: str, answers: Sequence[str]) -> tuple[IPAddress, ...]:
        """All the answers of one lookup as addresses, none left out: one bad answer refuses the name.

        Raises FetchError (address_forbidden, source_unreachable for no answer at all).
        """
        if not answers:
            raise FetchError(FetchRefusal.SOURCE_UNREACHABLE, f"{host} has no address")
        addresses = tuple(_parse_answer(answer) for answer in dict.fromkeys(answers))
        for address in addresses:
            self.check(address, listed_only=_is_internal(host))
        return addresses

    def check(self, address: IPAddress, *, listed_only: bool = False) -> None:
        """Raise FetchError unless the address may be dialled; `listed_only` leaves out the public ones."""
        if not (self._is_listed(address) or (is_public(address) and not listed_only)):
            raise FetchError(FetchRefusal.ADDRESS_FORBIDDEN, str(address))

    def _admit_loopback(self, host: str) -> tuple[IPAddress, ...]:
        listed = tuple(address for address in _LOOPBACK if self._is_listed(address))
        if not listed:
            raise FetchError(FetchRefusal.ADDRESS_FORBIDDEN, f"{host} is this machine")
        return listed

    def _is_listed(self, address: IPAddress) -> bool:
        if _within(address, _IPV4_IN_DISGUISE):
            return False
        if address in _METADATA:
            return ip_network(address) in self._allow_nets
        if address in _NAT64:
            carried = IPv4Address(address.packed[12:])
            return _within(address, self._allow_nets) and (is_public(carried) or self._is_listed(carried))
        return _within(address, self._allow_nets)


def _within(address: IPAddress, nets: Iterable[IPNetwork]) -> bool:
    return any(address in net for net in nets)


def _is_internal(host: str) -> bool:
    """Whether a name can only mean something inside: no dot, or a suffix that the public DNS does not serve."""
    is_address = ":" in host or host.replace(".", "").isdigit()
    return not is_address and ("." not in host or host.endswith(_INTERNAL_SUFFIXES))


def _parse_answer(answer: str) -> IPAddress:
    try:
        return ip_address(answer)
    except ValueError as error:
        raise FetchError(FetchRefusal.ADDRESS_FORBIDDEN, "an answer that is no address") from error
