"""PNG whose pixels are all there though its stream is damaged: packed again as a sound one."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator

from leanpix.engine.facts import Mended
from leanpix.engine.reading.headers import apng
from leanpix.engine.reading.headers.png_chunks import SAMPLES, Chunk, chunks, header_fields, is_sound, picture_of

_ADLER_BYTES, _ZLIB_HEADER_BYTES = 4, 2
_PIECE_BYTES = 1 << 20
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass: the first column and row, and the steps between columns and between rows."""

_QUICKEST = 1


def mended(source: bytes) -> Mended | None:
    """A sound PNG of the same pixels; None where pixels are missing or no checksum vouches for them, and for an APNG.

    An APNG's frames are mended one by one, as the PNGs that are made of them.
    Of the two kinds of checksums, the chunks' and the stream's, one has to be right where the other is wrong.
    """
    if apng.animation(source) is not None:
        return None
    pieces = [chunk for chunk in chunks(source) if chunk.name == b"IDAT"]
    width, height, *_ = header_fields(source)
    try:
        packed, adler, trailer = _packed_again(_deflated(source, pieces), _filtered_bytes(source))
    except zlib.error:
        return None
    if packed is None:
        return None
    are_sound = all(is_sound(source, piece) for piece in pieces if piece.is_whole)
    is_right = trailer == struct.pack(">I", adler)
    is_wrong = len(trailer) == _ADLER_BYTES and not is_right
    is_cut = not pieces[-1].is_whole
    if not is_right and (not are_sound or (is_wrong and is_cut)):
        return None
    what = "checksums are wrong" if is_wrong or not are_sound else "stream is not ended or not declared properly"
    return Mended(picture_of(source, [packed], (width, height)), f"the PNG's {what}: its pixels are all there")


def _deflated(source: bytes, pieces: list[Chunk]) -> Iterator[bytes]:
    """The stream without its two bytes of header, whose window may be too small."""
    skipped = _ZLIB_HEADER_BYTES
    for piece in pieces:
        for at in range(piece.start, piece.end, _PIECE_BYTES):
            data = source[at : min(at + _PIECE_BYTES, piece.end)]
            yield data[skipped:]
            skipped = max(skipped - len(data), 0)


def _packed_again(deflated: Iterator[bytes], wanted_bytes: int) -> tuple[bytes | None, int, bytes]:
    """The first so many bytes packed as a sound stream (None: there are fewer), their Adler-32, and what is stored."""
    inflating, packing = zlib.decompressobj(-zlib.MAX_WBITS), zlib.compressobj(_QUICKEST)
    packed, adler, count, trailer = [], 1, 0, b""
    is_ended = False
    # The last turn, without more data, is for what zlib holds back.
    for data in itertools.chain(deflated, (b"",)):
        if is_ended:
            trailer += data
            continue
        waiting, is_under_way = data, True
        while is_under_way:
            plain = inflating.decompress(waiting, _PIECE_BYTES)
            packed.append(packing.compress(plain[: max(wanted_bytes - count, 0)]))
            adler, count = zlib.adler32(plain, adler), count + len(plain)
            # What is left of the input stands here at the stream's end as well.
            is_ended = inflating.eof
            waiting = b"" if is_ended else inflating.unconsumed_tail
            is_under_way = bool(waiting) and count <= wanted_bytes + _PIECE_BYTES
        trailer += inflating.unused_data
    if count < wanted_bytes:
        return None, adler, b""
    return b"".join([*packed, packing.flush()]), adler, trailer[:_ADLER_BYTES]


def _filtered_bytes(source: bytes) -> int:
    """How many bytes the pixels take with a filter's byte before each row, in the passes of Adam7 too."""
    width, height, bits, kind, interlace = header_fields(source)
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = (((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in passes)
    return sum((1 + (wide * bits * SAMPLES[kind] + 7) // 8) * high for wide, high in sizes if wide > 0 and high > 0)
