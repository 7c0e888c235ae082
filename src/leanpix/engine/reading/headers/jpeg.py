"""JPEG: its segments, its frame header, and the source's quality estimated from the quantisation table."""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Mended, Probe, check_size, damaged, excessive, reading, unsupported, upright
from leanpix.engine.reading.headers import exif
from leanpix.engine.reading.headers.jpeg_scans import are_complete

_SOI, _EOI, _SOS, _DQT, _COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xFE
_APP1, _APP2 = 0xE1, 0xE2
MOST_SEGMENT_BYTES = 65_533
"""Of a segment's content: two of what its length can name are the length itself."""

_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_STANDALONE = frozenset({0x01, 0xD8, 0xD9})
_ENDS = frozenset({_SOI, _EOI})
_METADATA = frozenset({*range(0xE0, 0xF0), _COM})
_COLOUR_TELLING = (b"JFIF\0", b"Adobe")
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MAX_SEGMENTS = 20_000
_READ_AHEAD = 16
_EXIF_MARK, _EXIF_MARK_BYTES, _LEAST_EXIF_BYTES = b"Exif\0", 6, 8
_ICC_PREFIX = b"ICC_PROFILE\0"
_BAND_COUNTS = frozenset({1, 3, 4})
_FIRST_TABLE_AT = 8
"""In a frame's payload: which quantisation table the first component takes."""

_MAX_BITS = 8  # 12 and 16 are radiology's: no maintained wheel decodes them

# The luminance table of the JPEG standard, annex K, in zigzag order: libjpeg's qualities are multiples of it.
_STANDARD_LUMINANCE = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933"
    "383740485c4e404457453738506d51575f626768673e4d71797064785c656763"
)


class Segment(NamedTuple):
    """One marker: where its 0xFF lies, where its payload begins, and where it ends (maybe past the bytes)."""

    marker: int
    start: int
    payload: int
    end: int


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a JPEG."""
    return source[:3] == b"\xff\xd8\xff"


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe of a JPEG; raises TaskFailure."""
    with reading("JPEG"):
        found = list(segments(source))
        frame = next((s for s in found if s.marker in _FRAMES), None)
        if frame is None:
            raise damaged("the JPEG has no frame")
        bits, height, width, bands = struct.unpack_from(">BHHB", source, frame.payload)
    check_size(width, height, 1, limits)
    if bits > _MAX_BITS:
        raise unsupported(f"the JPEG has {bits} bits a sample, {_MAX_BITS} are read")
    scans = sum(s.marker == _SOS for s in found)
    if scans > limits.max_scans:
        raise excessive(f"it has {scans} scans, {limits.max_scans} are taken")
    if bands not in _BAND_COUNTS:
        raise damaged(f"the JPEG has {bands} components")
    _check_scans(source, found, frame)
    turn = exif.orientation(_exif_block(source, found))
    width, height = upright(width, height, turn)
    return Probe(
        SourceFormat.JPG,
        width,
        height,
        orientation=turn,
        bands=bands,
        bits=bits,
        has_profile=profile(source) is not None,
        quality=_quality(source, found),
        scans=scans,
    )


def segments(source: bytes) -> Iterator[Segment]:
    """The segments up to the end of the picture, the entropy-coded data between them skipped.

    The picture ends where the next begins, too: one that was cut short must not go on in another.
    Raises TaskFailure where there are too many.
    """
    return iter(found) if (found := _walked_whole(source)) is not None else _walked(source)


_SMALL_BYTES, _MOST_KEPT = 256 * 1024, 2
_kept: tuple[tuple[bytes, tuple[Segment, ...]], ...] = ()
"""Of the small files that were walked last, such as a source and its result: a dozen questions are asked of them, and a
walk through a thumbnail takes as long as decoding it. Replaced as a whole, so that threads need no lock."""


def _walked_whole(source: bytes) -> tuple[Segment, ...] | None:
    """All segments of a small file; None of a large one, and of one that is damaged on the way to its end."""
    global _kept  # noqa: PLW0603 - a memory of two files
    for other, known in _kept:
        if other is source:
            return known
    if len(source) > _SMALL_BYTES:
        return None
    try:
        found = tuple(_walked(source))
    except (TaskFailure, struct.error):
        return None  # what comes before the damage may be all that is asked for
    _kept = ((source, found), *_kept[: _MOST_KEPT - 1])
    return found


def _walked(source: bytes) -> Iterator[Segment]:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        found = _NEXT_MARKER.search(source, at)
        if found is None:
            return
        marker, after = source[found.end() - 1], found.end()
        at = after
        if marker not in _STANDALONE:
            (length,) = struct.unpack_from(">H", source, after)
            at = after + max(length, 2)
        yield Segment(marker, found.start(), min(after + 2, at), at)
        if marker in _ENDS:
            return
    raise damaged("the JPEG has too many segments")


def picture_bytes(source: bytes) -> int:
    """What the picture itself takes: without metadata, and without what follows it, such as another picture."""
    found = list(segments(source))
    extra = sum(one.end - one.start for one in found if one.marker in _METADATA)
    return (found[-1].end if found else len(source)) - extra


def profile(source: bytes) -> bytes | None:
    """The ICC profile, put together from its chunks; None where there is none or a chunk is missing."""
    chunks: dict[int, bytes] = {}
    total = 0
    for segment in _before_first_scan(source):
        body = source[segment.payload : segment.end]
        if segment.marker == _APP2 and body.startswith(_ICC_PREFIX) and len(body) > len(_ICC_PREFIX) + 2:
            number, total = body[len(_ICC_PREFIX)], body[len(_ICC_PREFIX) + 1]
            chunks.setdefault(number, body[len(_ICC_PREFIX) + 2 :])
    if not chunks or sorted(chunks) != list(range(1, total + 1)):
        return None
    return b"".join(chunks[number] for number in sorted(chunks))


def picture_only(source: bytes, *, is_strict: bool = False) -> bytes:
    """The JPEG without what is not needed for its pixels: no metadata, comments, profile, nor tail.

    Decoders are handed this: EXIF, XMP and their likes never reach native code. JFIF and Adobe segments stay,
    the colour space hangs on them. A picture of one scan ends without its end marker: libjpeg paints what is
    missing before that marker gray and merely warns, while the end of the bytes is an error. The padding is for
    the bits that its decoder reads ahead. is_strict: for who takes libjpeg's warning for an error, the marker stays.
    """
    found = list(segments(source))
    scans_from = next((segment.start for segment in found if segment.marker == _SOS), len(source))
    kept = [source[s.start : s.end] for s in found if s.start < scans_from and _tells_pixels(source, s)]
    end = found[-1] if found else None
    if end is None or end.marker not in _ENDS:
        return b"".join([source[:2], *kept, source[scans_from:]])
    is_one_scan = not is_strict and sum(segment.marker == _SOS for segment in found) == 1
    tail = bytes(_READ_AHEAD) if is_one_scan else source[end.start : end.end]
    return b"".join([source[:2], *kept, source[scans_from : end.start], tail])


def mended(source: bytes) -> Mended | None:
    """The JPEG with the end marker that it has not; None where it has one.

    For an arithmetic coder the bits never run out: whether any are missing cannot be told, so that none is mended.
    """
    found = list(segments(source))
    is_arithmetic = any(segment.marker in _ARITHMETIC for segment in found)
    if is_arithmetic or (found and found[-1].marker in _ENDS):
        return None
    return Mended(source + bytes([0xFF, _EOI]), "the JPEG's end marker is missing: its pixels are all there")


def without_metadata(source: bytes) -> bytes:
    """The JPEG up to its end, with what tells its colours: without EXIF, XMP, comments and the like."""
    found = list(segments(source))
    telling = (*_COLOUR_TELLING, _ICC_PREFIX)
    dropped = (s for s in found if s.marker in _METADATA and not source.startswith(telling, s.payload))
    return _without(source[: found[-1].end if found else len(source)], dropped)


def without_profile(source: bytes) -> bytes:
    """The same JPEG without its ICC profile."""
    return _without(source, (s for s in segments(source) if source.startswith(_ICC_PREFIX, s.payload)))


def _without(source: bytes, dropped: Iterable[Segment]) -> bytes:
    kept, at = list[bytes](), 0
    for segment in dropped:
        kept.append(source[at : segment.start])
        at = segment.end
    return b"".join([*kept, source[at:]])


def _check_scans(source: bytes, found: list[Segment], frame: Segment) -> None:
    """Raise TaskFailure where scans are missing; a lossless frame's have another meaning and are let through."""
    with reading("JPEG"):
        components = source[frame.payload + 6 : frame.end : 3]
        scans = [source[s.payload : s.end] for s in found if s.marker == _SOS]
        is_whole = frame.marker in _LOSSLESS or are_complete(
            components, scans, is_progressive=frame.marker in _PROGRESSIVE
        )
    if not scans or not is_whole:
        raise damaged("the JPEG is cut short")


def _tells_pixels(source: bytes, segment: Segment) -> bool:
    return segment.marker not in _METADATA or source.startswith(_COLOUR_TELLING, segment.payload)


def _before_first_scan(source: bytes) -> Iterator[Segment]:
    for segment in segments(source):
        if segment.marker == _SOS:
            return
        yield segment


def exif_block(source: bytes) -> bytes:
    """The EXIF block without its mark; empty where there is none."""
    return _exif_block(source, list(_before_first_scan(source)))


def _exif_block(source: bytes, found: list[Segment]) -> bytes:
    """Of the first segment that holds more than its mark, whose last byte is padding of any value."""
    for segment in found:
        begins = segment.marker == _APP1 and source.startswith(_EXIF_MARK, segment.payload)
        if begins and segment.end - segment.payload >= _EXIF_MARK_BYTES + _LEAST_EXIF_BYTES:
            return source[segment.payload + _EXIF_MARK_BYTES : segment.end]
    return b""


def _quality(source: bytes, found: list[Segment]) -> int | None:
    """The libjpeg quality whose luminance table is the nearest to the source's, that of its first component."""
    frame = next((s for s in found if s.marker in _FRAMES and s.payload + _FIRST_TABLE_AT < s.end), None)
    luminance = 0 if frame is None else source[frame.payload + _FIRST_TABLE_AT]
    blocks = (source[s.payload : s.end] for s in found if s.marker == _DQT)
    table = next((t for block in blocks for t in [_table(block, luminance)] if t), None)
    return None if table is None else _nearest_quality(table)


@functools.lru_cache(maxsize=128)
def _nearest_quality(table: tuple[int, ...]) -> int:
    """Kept, for most tables are some encoder's at its usual qualities."""
    differences = np.abs(_standard_tables() - np.asarray(table)).sum(axis=1)
    return int(differences.argmin()) + 1


def _table(payload: bytes, wanted: int) -> tuple[int, ...] | None:
    """A table by its number of a DQT segment, whose tables may be several, of 8 or 16 bits."""
    while payload:
        wide, number = payload[0] >> 4, payload[0] & 15
        size = 128 if wide else 64
        if len(payload) <= size:
            return None
        if number == wanted:
            return struct.unpack(">64H" if wide else ">64B", payload[1 : size + 1])
        payload = payload[size + 1 :]
    return None


@functools.cache
def _standard_tables() -> NDArray[np.int64]:
    """(100, 64): libjpeg's luminance table at each quality from 1, by its jpeg_quality_scaling."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)  # noqa: PLR2004 - libjpeg's own bend
    tables: NDArray[np.int64] = np.clip((np.outer(scale, list(_STANDARD_LUMINANCE)) + 50) // 100, 1, 255)
    return tables
