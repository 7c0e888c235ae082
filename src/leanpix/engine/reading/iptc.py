"""IPTC-IIM records: those of some kinds out of a set, and the resources of Photoshop that hold them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from leanpix.domain.keep import Keep

MARK = b"Photoshop 3.0\0"
_RESOURCE, _NUMBER = b"8BIM", 0x0404
_TAG, _EXTENDED = 0x1C, 0x8000
_MOST_BYTES = 60_000
# Record and data set, after IPTC-IIM 4.2: by-line, its title, credit, source, copyright notice; the two creation dates.
_KINDS = {
    Keep.COPYRIGHT: frozenset({(2, 80), (2, 85), (2, 110), (2, 115), (2, 116)}),
    Keep.DATE: frozenset({(2, 55), (2, 60), (2, 62), (2, 63)}),
}
_CODED_CHARACTER_SET, _VERSION = (1, 90), (2, 0)


def iptc_records(resources: bytes) -> bytes:
    """The records within Photoshop's image resources, with or without their mark; empty where there are none."""
    resources = resources.removeprefix(MARK)
    at = 0
    while resources[at : at + 4] == _RESOURCE and at + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, at + 4)
        data = at + 6 + (1 + resources[at + 6] + 1) // 2 * 2
        if data + 4 > len(resources):
            break
        (size,) = struct.unpack_from(">I", resources, data)
        if number == _NUMBER:
            return resources[data + 4 : data + 4 + size]
        at = data + 4 + size + (size & 1)
    return b""


def kept_records(records: bytes, wanted: tuple[Keep, ...]) -> bytes:
    """The records of the wanted kinds, in their order, and what says how their text is coded; at most 60 KB."""
    if Keep.IPTC in wanted:
        return records if len(records) <= _MOST_BYTES else b""
    names = frozenset[tuple[int, int]]().union(*(_KINDS[kind] for kind in wanted if kind in _KINDS))
    found = [(name, whole) for name, whole in _records(records) if name in names or name == _CODED_CHARACTER_SET]
    kept = b"".join(whole for _, whole in found)
    return kept if len(kept) <= _MOST_BYTES and any(name in names for name, _ in found) else b""


def has_other_records(records: bytes, wanted: tuple[Keep, ...]) -> bool:
    """Whether there is more than the wanted kinds, and than what says how the set is written."""
    known = {_VERSION, _CODED_CHARACTER_SET}.union(*(_KINDS[kind] for kind in wanted if kind in _KINDS))
    found = [name for name, _ in _records(records)]
    return any(name not in known for name in found)


def resources_of(records: bytes) -> bytes:
    """Image resources that hold these records, without their mark."""
    return _RESOURCE + struct.pack(">HHI", _NUMBER, 0, len(records)) + records + b"\0" * (len(records) & 1)


def _records(records: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Each record's name and its bytes, up to the first that is none."""
    at = 0
    while at + 5 <= len(records) and records[at] == _TAG:
        (size,) = struct.unpack_from(">H", records, at + 3)
        end = at + 5 + size
        if size & _EXTENDED or end > len(records):
            return
        yield (records[at + 1], records[at + 2]), records[at:end]
        at = end
