"""The numbers of a JPEG's quantisation tables, by which this engine's encodes are known when they come again.

No encoder of the field numbers them so, no byte is spent, and no coefficient changes (docs/decisions/0173). A program
that saves the picture anew writes its own, as it should.
"""

from __future__ import annotations

from leanpix.engine.reading.headers import jpeg

OWN_TABLES = {(0, 1, 1): (0, 2, 2), (0, 1, 2): (0, 3, 2), (0, 0, 0): (2, 2, 2), (0,): (2,)}
"""By which components share one: chroma takes table 2 and not 1, or 3 and 2 where each has its own; what all share, and
gray's, is 2."""

_TABLES, _SCAN = 0xDB, 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_COMPONENTS_AT, _COMPONENT_BYTES, _TABLE_AT = 6, 3, 2
_TABLE_ENTRIES = 64


def tables_of(source: bytes) -> tuple[int, ...]:
    """The table of each component by the frame's header; none where there is no frame."""
    frame = next((one for one in jpeg.segments(source) if one.marker in _FRAMES), None)
    return (
        () if frame is None else tuple(source[frame.payload + _COMPONENTS_AT : frame.end][_TABLE_AT::_COMPONENT_BYTES])
    )


def with_own_tables(data: bytes) -> bytes:
    """The same picture with its tables numbered as own ones; as it is where that cannot be, or is so already."""
    tables = tables_of(data)
    own = OWN_TABLES.get(tuple(map(list(dict.fromkeys(tables)).index, tables)))
    if own is None:
        return data
    numbers = dict(zip(tables, own, strict=True))

    renumbered = bytearray(data)
    for segment in jpeg.segments(data):
        if segment.marker == _TABLES:
            at = segment.payload
            while at < segment.end:
                wide, number = data[at] >> 4, data[at] & 0xF
                if number not in numbers:
                    return data  # a table that nobody takes would be taken for another
                renumbered[at] = wide << 4 | numbers[number]
                at += 1 + _TABLE_ENTRIES * (1 + wide)
        elif segment.marker in _FRAMES:
            for place, table in enumerate(own):
                renumbered[segment.payload + _COMPONENTS_AT + place * _COMPONENT_BYTES + _TABLE_AT] = table
        elif segment.marker == _SCAN:
            break
    return bytes(renumbered)
