"""HEIF (ISO/IEC 23008-12), as AVIF and HEIC are: what the boxes say of the primary picture, no sample decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from leanpix.domain.formats import SourceFormat
from leanpix.engine.colour.code_points import CURVES, HLG, PQ, PRIMARIES
from leanpix.engine.colour.hdr import DEFAULT_PEAK_NITS, HighRange
from leanpix.engine.colour.made_profile import SRGB_PRIMARIES, matrix_profile
from leanpix.engine.facts import Limits, Probe, check_size, damaged, reading, unsupported, upright
from leanpix.engine.reading.headers.boxes import FULL_BOX, Box, box, boxes, item_kinds, item_pieces, items, meta_boxes
from leanpix.engine.reading.headers.jxl import exif_content

_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_NEUTRAL = frozenset({b"mif1", b"msf1", b"mif2", b"miaf"})
_SEQUENCES = frozenset({b"avis", b"hevc", b"hevx", b"msf1"})
_MOST_BRANDS_BYTES = 512
_MOST_ITEMS = 4096
_ALPHAS = frozenset({b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"})
_DEPTHS = frozenset({b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth", b"urn:mpeg:hevc:2015:auxid:2"})
_GAIN_MAPS = (b"urn:com:apple:photo:2020:aux:hdrgainmap",)
_CODED = {b"av01": SourceFormat.AVIF, b"hvc1": SourceFormat.HEIC}
_UNSPECIFIED = 2
_CLAP = struct.Struct(">IIIIiIiI")

_TURNED = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip
"""The EXIF orientation that stands for quarter turns to the left (irot), then a mirroring (imir: 0 exchanges top and
bottom, 1 left and right)."""


@dataclass(frozen=True, slots=True)
class Described:
    """The primary picture.

    Coded sides, and left, top, width and height of the part of them that is shown before the orientation (as EXIF has
    it) is applied. Colours by number or by a profile.
    """

    coding: bytes = b""
    coded_px: tuple[int, int] = (0, 0)
    shown: tuple[int, int, int, int] = (0, 0, 0, 0)
    orientation: int = 1
    bits: int = 8
    is_gray: bool = False
    has_alpha: bool = False
    has_gain_map: bool = False
    has_depth_map: bool = False
    profile: bytes | None = None
    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    peak_nits: float = DEFAULT_PEAK_NITS
    frames: int = 1
    is_cut: bool = False

    @property
    def is_high_range(self) -> bool:
        """Whether its transfer function is PQ's or HLG's."""
        return self.profile is None and self.transfer in {PQ, HLG}

    @property
    def high_range(self) -> HighRange | None:
        """What PQ or HLG its samples are in."""
        if not self.is_high_range:
            return None
        return HighRange(PRIMARIES.get(self.primaries, PRIMARIES[9]), self.transfer == PQ, self.peak_nits)

    def icc_profile(self) -> bytes | None:
        """The profile that it carries, or one made of its numbers; None for sRGB and for a high range."""
        if self.profile is not None or self.is_high_range:
            return self.profile
        primaries, curve = PRIMARIES.get(self.primaries, SRGB_PRIMARIES), CURVES.get(self.transfer)
        if self.transfer == 1:  # BT.709's camera curve: browsers show such pictures by sRGB's
            curve = None
        return None if (primaries, curve) == (SRGB_PRIMARIES, None) else matrix_profile(primaries, curve)


def form_of(source: bytes) -> SourceFormat | None:
    """AVIF or HEIC by the file's brands, and where these leave it open by how its primary picture is coded."""
    if source[4:8] != b"ftyp":
        return None
    brands = _brands(source)
    if brands[:1] and (brands[0] in _AVIF or (brands[0] in _NEUTRAL and _AVIF & set(brands))):
        return SourceFormat.AVIF
    if brands[:1] and (brands[0] in _HEIC or (brands[0] in _NEUTRAL and _HEIC & set(brands))):
        return SourceFormat.HEIC
    return None


def read(source: bytes, form: SourceFormat, limits: Limits) -> Probe:
    """The Probe of the primary picture; raises TaskFailure."""
    with reading(form.upper()):
        found = described(source)
    check_size(*found.coded_px, 1, limits)
    if found.is_cut:
        raise damaged(f"the {form.upper()} is cut short")
    if _CODED.get(found.coding) is not form:
        raise unsupported(f"its picture is coded as {found.coding.decode('ascii', 'replace')}")
    width, height = upright(*found.shown[2:], found.orientation)
    return Probe(
        form,
        width,
        height,
        frames=found.frames,
        has_alpha=found.has_alpha,
        orientation=found.orientation,
        bands=(1 if found.is_gray else 3) + found.has_alpha,
        bits=found.bits,
        has_profile=found.icc_profile() is not None or found.is_high_range,
    )


def exif_block(source: bytes) -> bytes:
    """The EXIF block; empty where there is none. Its orientation counts for nothing: properties say it."""
    found = next((one for one in items(source) if one.kind == b"Exif"), None)
    return b"" if found is None else exif_content(source[found.start : found.start + found.size])


def xmp_packet(source: bytes) -> bytes:
    """The XMP packet; empty where there is none."""
    packets = (source[one.start : one.start + one.size] for one in items(source) if one.kind == b"mime")
    return next((packet for packet in packets if b"<x:xmpmeta" in packet or b"<rdf:RDF" in packet), b"")


def described(source: bytes) -> Described:
    """What the boxes say; struct.error or IndexError where they end too early, TaskFailure where they contradict."""
    found = {one.kind: one for one in meta_boxes(source)}
    if not {b"pitm", b"iinf", b"iloc", b"iprp"} <= found.keys():
        raise damaged("the file has no picture of its own")
    primary = _number(source, found[b"pitm"])
    kinds = dict(item_kinds(source, found[b"iinf"]))
    if len(kinds) > _MOST_ITEMS or primary not in kinds:
        raise damaged("its items cannot be told")
    owned = _properties(source, found[b"iprp"])
    links = list(_references(source, found[b"iref"])) if b"iref" in found else []
    parts = next((targets for kind, origin, targets in links if (kind, origin) == (b"dimg", primary)), ())
    first = parts[0] if kinds[primary] in {b"grid", b"iovl", b"iden"} and parts else primary
    beside = [owned.get(origin, {}) for kind, origin, targets in links if kind == b"auxl" and primary in targets]
    purposes = {one[b"auxC"].split(b"\0", 1)[0] for one in beside if b"auxC" in one}
    own = owned.get(primary, {})
    profile, primaries, transfer = _colours(own)
    is_gray, bits = _samples(kinds[first], owned.get(first, {}))
    wide, high = struct.unpack_from(">II", own.get(b"ispe", b""), 0)
    return Described(
        kinds[first],
        (wide, high),
        _shown(own, wide, high),
        _orientation(own),
        bits,
        is_gray,
        bool(_ALPHAS & purposes),
        any(one.startswith(_GAIN_MAPS) for one in purposes) or b"tmap" in kinds.values(),
        bool(_DEPTHS & purposes),
        profile,
        primaries,
        transfer,
        _peak_nits(own),
        _frames(source),
        _is_cut(source, found[b"iloc"]),
    )


def _brands(source: bytes) -> list[bytes]:
    size = min(int.from_bytes(source[:4]), _MOST_BRANDS_BYTES)
    return [source[8:12], *(source[at : at + 4] for at in range(16, size - 3, 4))]


def _number(source: bytes, pitm: Box) -> int:
    wide = 4 if source[pitm.content] else 2
    start = pitm.content + FULL_BOX
    return int.from_bytes(source[start : start + wide])


def _properties(source: bytes, iprp: Box) -> dict[int, dict[bytes, bytes]]:
    """Of each item its properties by kind, each without the version of a full box; of several profiles the ICC one."""
    inner = list(boxes(source, iprp.content, iprp.end))
    held = next((one for one in inner if one.kind == b"ipco"), None)
    if held is None:
        raise damaged("its properties are missing")
    values = [(one.kind, source[one.content : one.end]) for one in boxes(source, held.content, held.end)]
    owned: dict[int, dict[bytes, bytes]] = {}
    for each in inner:
        if each.kind == b"ipma":
            for number, places in _associations(source, each):
                for place in places:
                    if 0 < place <= len(values):
                        kind, value = values[place - 1]
                        _put(owned.setdefault(number, {}), kind, value)
    return owned


def _put(properties: dict[bytes, bytes], kind: bytes, value: bytes) -> None:
    if kind == b"colr":
        kind = b"nclx" if value[:4] == b"nclx" else b"prof"
        value = value[4:]
    elif kind in {b"ispe", b"auxC", b"pixi"}:
        value = value[FULL_BOX:]
    properties.setdefault(kind, value)


def _associations(source: bytes, ipma: Box) -> Iterator[tuple[int, list[int]]]:
    version, is_wide = source[ipma.content], source[ipma.content + 3] & 1
    at = ipma.content + FULL_BOX
    (count,) = struct.unpack_from(">I", source, at)
    at += 4
    for _ in range(min(count, _MOST_ITEMS)):
        number_bytes = 4 if version else 2
        number = int.from_bytes(source[at : at + number_bytes])
        many, at = source[at + number_bytes], at + number_bytes + 1
        each = 2 if is_wide else 1
        mask = 0x7FFF if is_wide else 0x7F
        if at + many * each > ipma.end:
            raise struct.error("the associations are cut short")
        yield number, [int.from_bytes(source[at + each * k : at + each * (k + 1)]) & mask for k in range(many)]
        at += many * each


def _references(source: bytes, iref: Box) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """Kind, origin and targets of each link between items."""
    wide = 4 if source[iref.content] else 2
    for one in boxes(source, iref.content + FULL_BOX, iref.end):
        at = one.content
        origin = int.from_bytes(source[at : at + wide])
        (count,) = struct.unpack_from(">H", source, at + wide)
        at += wide + 2
        if at + count * wide > one.end:
            raise struct.error("the references are cut short")
        yield one.kind, origin, tuple(int.from_bytes(source[at + wide * k : at + wide * (k + 1)]) for k in range(count))


def _shown(own: Mapping[bytes, bytes], wide: int, high: int) -> tuple[int, int, int, int]:
    """By `clap`, which has sides and the distance of the middles as fractions; all of it where that makes no sense."""
    whole = (0, 0, wide, high)
    if len(own.get(b"clap", b"")) != _CLAP.size:
        return whole
    across, across_by, down, down_by, right, right_by, below, below_by = _CLAP.unpack(own[b"clap"])
    if 0 in {across_by, down_by, right_by, below_by}:
        return whole
    width, height = across // across_by, down // down_by
    left = round((wide - width) / 2 + right / right_by)
    top = round((high - height) / 2 + below / below_by)
    fits = width > 0 and height > 0 and left >= 0 and top >= 0 and left + width <= wide and top + height <= high
    return (left, top, width, height) if fits else whole


def _orientation(own: Mapping[bytes, bytes]) -> int:
    turns = own[b"irot"][0] & 3 if own.get(b"irot") else 0
    axis = own[b"imir"][0] & 1 if own.get(b"imir") else None
    return _TURNED[turns, axis]


def _colours(own: Mapping[bytes, bytes]) -> tuple[bytes | None, int, int]:
    profile = own.get(b"prof") or None
    if len(own.get(b"nclx", b"")) < 4:  # noqa: PLR2004 - two numbers of 16 bits
        return profile, _UNSPECIFIED, _UNSPECIFIED
    return profile, *struct.unpack_from(">HH", own[b"nclx"])


def _peak_nits(own: Mapping[bytes, bytes]) -> float:
    """The brightest of the content by `clli`, as browsers take it; 0 says that it is not known."""
    return int.from_bytes(own.get(b"clli", b"")[:2]) or DEFAULT_PEAK_NITS


def with_one_association(source: bytes) -> bytes | None:
    """The same file with its `ipma` boxes as one, nothing else moved; None where it has not several of one version.

    ISO/IEC 14496-12 allows one of each version and flags. The encoder cavif wrote one for each item.
    """
    properties = next((one for one in meta_boxes(source) if one.kind == b"iprp"), None)
    inner = [] if properties is None else list(boxes(source, properties.content, properties.end))
    if [one.kind for one in inner[:3]] != [b"ipco", b"ipma", b"ipma"]:
        return None
    held, *tables = inner
    heads = {source[one.content : one.content + FULL_BOX] for one in tables}
    if len(heads) > 1 or any(one.kind != b"ipma" for one in tables):
        return None
    starts = [one.content + FULL_BOX for one in tables]
    count = sum(int.from_bytes(source[start : start + 4]) for start in starts)
    entries = (source[start + 4 : one.end] for start, one in zip(starts, tables, strict=True))
    whole = box(b"ipma", *heads, count.to_bytes(4), *entries)
    saved = tables[-1].end - tables[0].start - len(whole)  # 16 for each that goes: a property that nobody refers to
    filled = box(b"ipco", source[held.content : held.end], box(b"free", bytes(saved - 8)))
    return source[: held.start] + filled + whole + source[tables[-1].end :]


def _samples(coding: bytes, own: Mapping[bytes, bytes]) -> tuple[bool, int]:
    """Whether it is gray, and the bits of a sample, by the coder's own configuration."""
    if coding == b"av01" and len(own.get(b"av1C", b"")) > 2:  # noqa: PLR2004 - the flags are in the third byte
        flags = own[b"av1C"][2]
        return bool(flags & 0x10), 12 if flags & 0x60 == 0x60 else 10 if flags & 0x40 else 8  # noqa: PLR2004 - two bits
    if coding == b"hvc1" and len(own.get(b"hvcC", b"")) > 18:  # noqa: PLR2004 - the depths are in bytes 17 and 18
        return own[b"hvcC"][16] & 3 == 0, 8 + (own[b"hvcC"][17] & 7)
    return False, 8


def _frames(source: bytes) -> int:
    """Of a sequence, by the samples of its first track; 1 for a still picture."""
    if not _SEQUENCES & set(_brands(source)):
        return 1
    start, end = 0, len(source)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz"):
        found = next((one for one in boxes(source, start, end, may_be_cut=True) if one.kind == kind), None)
        if found is None:
            return 1
        start, end = found.content, found.end
    return max(1, int.from_bytes(source[start + FULL_BOX + 4 : start + FULL_BOX + 8]))


def _is_cut(source: bytes, iloc: Box) -> bool:
    places = (piece for _, in_file, pieces in item_pieces(source, iloc) if in_file for piece in pieces)
    return any(start + size > len(source) for start, size in places)
