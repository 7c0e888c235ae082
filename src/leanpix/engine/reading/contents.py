"""What a picture's file holds beside plain pixels: the same question is asked of a source and of its result.

What the source's file holds and the result's does not was lost, and the report names it. Each format's walk only looks
at containers; kinds within EXIF, XMP and IPTC are told by exif_contents.py. Nothing here raises: a damaged container
counts as far as it can be read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import isclose

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.holding import Holding, in_order
from leanpix.engine.facts import TURNED_ORIENTATIONS, Probe
from leanpix.engine.reading.box_contents import of_heif, of_jxl
from leanpix.engine.reading.exif_contents import exif_resolution, of_exif, of_iptc, of_photoshop, of_xmp
from leanpix.engine.reading.headers import jpeg, png_chunks, tiff, webp
from leanpix.engine.reading.probe import exif_block

_MOST_TEXT_BYTES = 4 * 1024 * 1024
_RESULT_BITS = 8
_HDR_TRANSFERS = frozenset({16, 18})  # PQ and HLG (ITU-T H.273)


def held(data: bytes, form: SourceFormat | OutputFormat) -> frozenset[Holding]:
    """What these bytes of that format hold, but for what the pixels tell: alpha, bit depth, resolution."""
    walk = _WALKS.get(form.value)
    found: set[Holding] = set()
    if walk is not None:
        with suppress(TaskFailure, struct.error, IndexError, OverflowError):
            for kinds in walk(data):
                found |= kinds
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class PixelFacts:
    """What is known of a result's pixels and not seen in its file's containers.

    was_transparent: whether any pixel of the decoded source was; has_alpha: whether the result can be; has_profile:
    whether the result carries one. partly: containers of which the result holds a few fields and the source more.
    """

    was_transparent: bool
    has_alpha: bool
    has_profile: bool
    partly: frozenset[Holding] = frozenset()


def lost(source: bytes, probe: Probe, result: bytes, form: OutputFormat, pixels: PixelFacts) -> tuple[Holding, ...]:
    """What the source's file held and the result's does not, in the order in which losses are told."""
    had = held(source, probe.format)
    gone = set(had - held(result, form) | had & pixels.partly)
    if pixels.was_transparent and not pixels.has_alpha:
        gone.add(Holding.ALPHA)
    if probe.bits > _RESULT_BITS:
        gone.add(Holding.BIT_DEPTH)
    if pixels.has_profile:
        gone.discard(Holding.PROFILE)
    dense = upright_resolution(source, probe)
    if dense is not None and not _is_about(resolution(result, form), dense):
        gone.add(Holding.RESOLUTION)
    return in_order(gone)


def _is_about(density: tuple[float, float] | None, other: tuple[float, float]) -> bool:
    """JFIF has whole numbers, PNG whole dots a metre."""
    return density is not None and all(isclose(*sides, rel_tol=0.01) for sides in zip(density, other, strict=True))


def upright_resolution(source: bytes, probe: Probe) -> tuple[float, float] | None:
    """Dots per inch across and down of the source as it is shown, upright."""
    density = resolution(source, probe.format)
    return density[::-1] if density is not None and probe.orientation in TURNED_ORIENTATIONS else density


def resolution(data: bytes, form: SourceFormat | OutputFormat) -> tuple[float, float] | None:
    """Dots per inch across and down, where the file says so in a unit."""
    with suppress(TaskFailure, struct.error, IndexError, ZeroDivisionError, OverflowError):
        match form.value:
            case "jpg":
                return _jpeg_resolution(data)
            case "png":
                return _png_resolution(data)
            case "tiff":
                return exif_resolution(data)
            case "bmp":
                return _bmp_resolution(data)
            case "webp" | "avif" | "heic" | "jxl":
                return exif_resolution(exif_block(data, SourceFormat(form.value)))
    return None


# --- JPEG

_APP0, _APP1, _APP2, _APP11, _APP13, _APP14, _COM, _SOS = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE, 0xDA
_EXIF, _XMP, _XMP_MORE = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _MPF, _ISO_GAIN_MAP = b"ICC_PROFILE\0", b"MPF\0", b"urn:iso:std:iso:ts:21496:-1\0"
_PHOTOSHOP = b"Photoshop 3.0\0"


def _of_jpeg(data: bytes) -> Iterator[set[Holding]]:
    end = 0
    for one in jpeg.segments(data):
        end = one.end
        if one.marker in _TELLING:
            yield _of_segment(one.marker, data[one.payload : one.end])
    yield from _behind_jpeg(data[end:])


def _of_segment(marker: int, body: bytes) -> set[Holding]:
    for known, start, kinds in _SEGMENTS:
        if marker == known and body.startswith(start):
            return kinds(body)
    is_empty = not body.strip(b"\0 ")
    if marker == _COM:
        return set() if is_empty else {Holding.COMMENT}
    return {Holding.OTHER} if marker in _APPLICATIONS and not is_empty else set()


_APPLICATIONS = frozenset(range(0xE0, 0xF0))
_TELLING = _APPLICATIONS | {_COM}
_SEGMENTS: tuple[tuple[int, bytes, Callable[[bytes], set[Holding]]], ...] = (
    (_APP0, b"JFIF\0", lambda _: set()),
    (_APP0, b"JFXX\0", lambda _: {Holding.PREVIEW}),
    (_APP1, _EXIF, lambda body: of_exif(body[6:])),
    (_APP1, _XMP, of_xmp),
    (_APP1, _XMP_MORE, of_xmp),
    (_APP2, _ICC, lambda _: {Holding.PROFILE}),
    (_APP2, _ISO_GAIN_MAP, lambda _: {Holding.GAIN_MAP}),
    (_APP2, _MPF, lambda _: set()),  # an index of the pictures behind this one, which are looked at themselves
    (_APP11, b"", lambda body: {Holding.C2PA if b"c2pa" in body[:256] else Holding.OTHER}),
    (_APP13, _PHOTOSHOP, of_photoshop),
    (_APP14, b"Adobe", lambda _: set()),
)


def _behind_jpeg(rest: bytes) -> Iterator[set[Holding]]:
    """Further pictures, a gain map, a depth map or a film lie behind the end of the first picture."""
    at, seen = 0, 0
    while (at := rest.find(b"\xff\xd8\xff", at)) >= 0:
        found = list(jpeg.segments(rest[at:]))
        if len(found) > 2:  # noqa: PLR2004 - a chance match of three bytes is no picture
            yield {_kind_of_further(rest[at : at + found[-1].end])}
            seen += 1
        at += max(3, found[-1].end if found else 3)
    if b"ftyp" in rest[: 1 << 20] or b"MotionPhoto_Data" in rest:
        yield {Holding.LIVE_PHOTO}
    elif not seen and rest.strip(b"\0\xff\xd9 \r\n"):
        yield {Holding.OTHER}


def _kind_of_further(picture: bytes) -> Holding:
    head = picture[: 1 << 17]
    if _ISO_GAIN_MAP in head or b"hdrgm:" in head or b"hdrgainmap" in head.lower():
        return Holding.GAIN_MAP
    if b"depth" in head.lower() or b"disparity" in head.lower():
        return Holding.DEPTH_MAP
    return Holding.PAGES


def _jpeg_resolution(data: bytes) -> tuple[float, float] | None:
    for one in jpeg.segments(data):
        if one.marker == _SOS:
            return None  # what follows tells nothing of it, and takes a walk over the whole file
        body = data[one.payload : one.end]
        if one.marker == _APP0 and body.startswith(b"JFIF\0"):
            unit, across, down = struct.unpack_from(">BHH", body, 7)
            if unit and across and down:
                per_inch = 1.0 if unit == 1 else 2.54
                return across * per_inch, down * per_inch
        if one.marker == _APP1 and body.startswith(_EXIF):
            return exif_resolution(body[6:])
    return None


# --- PNG

_PNG_RENDERING = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"hIST", b"sPLT"}
    | {b"fcTL", b"fdAT", b"pHYs"}
)
_PNG_KEYWORDS = {
    b"Copyright": Holding.COPYRIGHT,
    b"Author": Holding.COPYRIGHT,
    b"Artist": Holding.COPYRIGHT,
    b"Creation Time": Holding.DATE,
    b"date:create": Holding.DATE,
    b"date:modify": Holding.DATE,
}


def _of_png(data: bytes) -> Iterator[set[Holding]]:
    for one in png_chunks.chunks(data):
        body = data[one.start : one.end]
        if one.name in png_chunks.TEXTS:
            yield _of_png_text(one.name, body)
        elif one.name in _PNG_CHUNKS:
            yield _PNG_CHUNKS[one.name](body)
        elif one.name not in _PNG_RENDERING:
            yield {Holding.OTHER}


_PNG_CHUNKS: dict[bytes, Callable[[bytes], set[Holding]]] = {
    b"acTL": lambda body: {Holding.ANIMATION} if struct.unpack_from(">I", body)[0] > 1 else set(),
    b"iCCP": lambda _: {Holding.PROFILE},
    b"eXIf": of_exif,
    b"tIME": lambda _: {Holding.DATE},
    b"caBX": lambda _: {Holding.C2PA},
    b"cICP": lambda body: {Holding.HDR} if len(body) > 1 and body[1] in _HDR_TRANSFERS else set(),
    b"mDCV": lambda _: {Holding.HDR},
    b"cLLI": lambda _: {Holding.HDR},
}


def _of_png_text(name: bytes, body: bytes) -> set[Holding]:
    keyword, _, rest = body.partition(b"\0")
    if keyword == b"XML:com.adobe.xmp":
        return of_xmp(_png_text(name, rest))
    if keyword.startswith(b"Raw profile type "):
        return _of_raw_profile(keyword.removeprefix(b"Raw profile type "), _png_text(name, rest))
    return {_PNG_KEYWORDS.get(keyword, Holding.COMMENT)}


def _png_text(name: bytes, rest: bytes) -> bytes:
    if name == b"tEXt":
        return rest
    if name == b"zTXt":
        return _inflated(rest[1:])
    is_packed = rest[:1] == b"\1"
    text = rest[2:].split(b"\0", 2)[-1]
    return _inflated(text) if is_packed else text


def _inflated(data: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(data, _MOST_TEXT_BYTES)
    return b""


def _of_raw_profile(kind: bytes, text: bytes) -> set[Holding]:
    """ImageMagick's way to put a block of bytes into a PNG: in hexadecimal, after a line with its length."""
    digits = b"".join(text.split(b"\n")[3:])
    with suppress(ValueError):
        content = bytes.fromhex(digits.decode("ascii", "replace"))
        match kind:
            case b"exif" | b"APP1":
                return of_exif(content)
            case b"xmp":
                return of_xmp(content)
            case b"iptc" | b"8bim":
                return of_iptc(content) if content.startswith(b"\x1c") else of_photoshop(content)
            case b"icc" | b"icm":
                return {Holding.PROFILE}
    return {Holding.OTHER}


def _png_resolution(data: bytes) -> tuple[float, float] | None:
    body = png_chunks.first_chunks(data, b"pHYs").get(b"pHYs", b"")
    across, down, unit = struct.unpack_from(">IIB", body)
    return (across * png_chunks.METRE_PER_INCH, down * png_chunks.METRE_PER_INCH) if unit == 1 else None


# --- the others


def _of_webp(data: bytes) -> Iterator[set[Holding]]:
    frames = 0
    for one in webp.chunks(data):
        body = data[one.start : one.end]
        match one.name:
            case b"ANMF":
                frames += 1
            case b"ICCP":
                yield {Holding.PROFILE}
            case b"EXIF":
                yield of_exif(body)
            case b"XMP ":
                yield of_xmp(body)
            case b"C2PA":
                yield {Holding.C2PA}
            case name if name not in {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM"}:
                yield {Holding.OTHER}
    yield {Holding.ANIMATION} if frames > 1 else set()


def _of_gif(data: bytes) -> Iterator[set[Holding]]:
    frames, at = 0, 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while at < len(data) and data[at] != 0x3B:  # noqa: PLR2004 - the trailer
        if data[at] == 0x2C:  # noqa: PLR2004 - a frame
            frames += 1
            at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0) + 1
        else:
            label, at = data[at + 1], at + 2
            head = data[at + 1 : at + 12]
            if label == 0xFE:  # noqa: PLR2004 - a comment
                yield {Holding.COMMENT}
            elif label == 0xFF:  # noqa: PLR2004 - an application's
                yield _of_gif_application(head, data[at + 12 : at + 12 + (1 << 16)])
            elif label == 0x01:
                yield {Holding.OTHER}  # plain text over the picture
        while data[at]:
            at += 1 + data[at]
        at += 1
    yield {Holding.ANIMATION} if frames > 1 else set()


def _of_gif_application(name: bytes, rest: bytes) -> set[Holding]:
    match name:
        case b"NETSCAPE2.0" | b"ANIMEXTS1.0":
            return set()
        case b"XMP DataXMP":
            return of_xmp(rest)
        case b"ICCRGBG1012":
            return {Holding.PROFILE}
    return {Holding.OTHER}


_TIFF_PROFILE, _TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP = 34675, 700, 33723, 34377
_TIFF_REDUCED = 1


def _of_tiff(data: bytes) -> Iterator[set[Holding]]:
    page = tiff.first_directory(data)
    yield of_exif(data) - {Holding.PREVIEW}  # its second directory is a page, which is counted below
    yield {Holding.PROFILE} if _TIFF_PROFILE in page else set()
    pages = tiff.page_count(data)
    yield {Holding.PAGES} if pages > 1 else set()
    yield {Holding.PREVIEW} if tiff.SUB_DIRECTORIES in page else set()


def _of_raw(data: bytes) -> Iterator[set[Holding]]:
    yield {Holding.CAMERA, Holding.PREVIEW}
    if tiff.matches(data):
        yield of_exif(data)


def _of_bmp(data: bytes) -> Iterator[set[Holding]]:
    (header,) = struct.unpack_from("<I", data, 14)
    if header >= 124:  # noqa: PLR2004 - BITMAPV5HEADER has room for a profile
        (kind,) = struct.unpack_from("<I", data, 14 + 56)
        yield {Holding.PROFILE} if kind in {0x4D424544, 0x4C494E4B} else set()


def _bmp_resolution(data: bytes) -> tuple[float, float] | None:
    """Dots a metre, which the oldest headers have no room for."""
    (header,) = struct.unpack_from("<I", data, 14)
    across, down = struct.unpack_from("<ii", data, 38) if header >= 40 else (0, 0)  # noqa: PLR2004 - BITMAPINFOHEADER
    return (across * png_chunks.METRE_PER_INCH, down * png_chunks.METRE_PER_INCH) if across > 0 and down > 0 else None


_WALKS: dict[str, Callable[[bytes], Iterator[set[Holding]]]] = {
    "jpg": _of_jpeg,
    "png": _of_png,
    "webp": _of_webp,
    "gif": _of_gif,
    "tiff": _of_tiff,
    "raw": _of_raw,
    "bmp": _of_bmp,
    "avif": of_heif,
    "heic": of_heif,
    "jxl": of_jxl,
}
