"""PNG and APNG files written chunk by chunk, sound ones and others."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
KEEP, CLEAR, RESTORE = 0, 1, 2
REPLACE, OVER = 0, 1

Samples = NDArray[np.uint8] | NDArray[np.uint16]


def chunk(name: bytes, data: bytes = b"") -> bytes:
    """A chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_wrong_checksum(made: bytes) -> bytes:
    """The chunk with another checksum than its own."""
    return made[:-1] + bytes([made[-1] ^ 1])


def header(width: int, height: int, kind: int = RGB, bits: int = 8) -> bytes:
    """IHDR."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))


def deflated(samples: Samples, bits: int = 8) -> bytes:
    """The pixels' zlib stream: rows without a filter, samples of fewer than 8 bits packed."""
    return zlib.compress(b"".join(b"\0" + _row(row, bits) for row in samples))


def _row(row: Samples, bits: int) -> bytes:
    if bits == 16:
        return row.astype(">u2").tobytes()
    if bits == 8:
        return row.astype(np.uint8).tobytes()
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits((row.reshape(-1, 1).astype(np.uint8) >> shifts) & 1).tobytes()


def png(
    samples: Samples,
    kind: int = RGB,
    bits: int = 8,
    *,
    before: bytes = b"",
    palette: bytes = b"",
    behind_palette: bytes = b"",
    pixels: bytes | None = None,
    after: bytes = b"",
    end: bytes | None = None,
) -> bytes:
    """A PNG of (H, W) or (H, W, samples), with chunks put before and behind PLTE and after IDAT."""
    height, width = samples.shape[:2]
    parts = [SIGNATURE, header(width, height, kind, bits), before]
    parts += [chunk(b"PLTE", palette)] if palette else []
    parts += [behind_palette, chunk(b"IDAT", deflated(samples, bits)) if pixels is None else pixels, after]
    return b"".join([*parts, chunk(b"IEND") if end is None else end])


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its samples, its place, and what is done before and after it shows."""

    samples: Samples
    left: int = 0
    top: int = 0
    disposal: int = KEEP
    blend: int = REPLACE
    delay_ms: int = 100


def apng(
    size: tuple[int, int],
    frames: Sequence[Frame],
    kind: int = RGB,
    bits: int = 8,
    *,
    hidden: Samples | None = None,
    palette: bytes = b"",
    clear: bytes = b"",
    told: int | None = None,
    sequence: Sequence[int] | None = None,
    plays: int = 0,
) -> bytes:
    """An APNG. hidden: a default picture that is no frame. told: how many frames acTL says; sequence: the numbers."""
    numbers = iter(sequence if sequence is not None else range(10_000))
    parts = [SIGNATURE, header(*size, kind, bits)]
    parts.append(chunk(b"acTL", struct.pack(">II", len(frames) if told is None else told, plays)))
    parts += [chunk(b"PLTE", palette)] if palette else []
    parts += [chunk(b"tRNS", clear)] if clear else []
    if hidden is not None:
        parts.append(chunk(b"IDAT", deflated(hidden, bits)))
    for number, frame in enumerate(frames):
        height, width = frame.samples.shape[:2]
        control = struct.pack(">IIIII", next(numbers), width, height, frame.left, frame.top)
        control += struct.pack(">HHBB", frame.delay_ms, 1000, frame.disposal, frame.blend)
        parts.append(chunk(b"fcTL", control))
        pixels = deflated(frame.samples, bits)
        is_default = hidden is None and number == 0
        parts.append(
            chunk(b"IDAT", pixels) if is_default else chunk(b"fdAT", struct.pack(">I", next(numbers)) + pixels)
        )
    return b"".join([*parts, chunk(b"IEND")])
