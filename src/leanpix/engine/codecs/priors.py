"""What is known before anything is made: one row for each way to a result, with the page that measured it.

Of each row, least: nothing measured came below this share, so that it rules an encode out; likely: the share in the
middle, which makes the order. What the shares are of stands above the row. Times are processor seconds a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.engine.reading.headers.jpeg_packing import JpegPacking


@dataclass(frozen=True, slots=True)
class Prior:
    """One row.

    most: nothing came above this share, where that is known. page: in docs/decisions. bytes_a_pixel: a guess where
    nothing else is known of a picture. cpu_share: of the encode that it is made instead of. memory_a_pixel: bytes, all
    that the encoder holds; 0: no more than is set aside for any job of the format (`resources`).
    """

    least: float
    likely: float
    page: int
    most: float = float("inf")
    cpu_s: float = 0.0
    cpu_share: float = 1.0
    bytes_a_pixel: float = 1.0
    memory_a_pixel: float = 0.0


# The source's own file repacked without loss. Of the picture's own bytes, by how they are packed and by bits a pixel:
# from the first row up to 0.3, to 0.6, to 1 and above; the last row is for files of at most JPEG_SMALL_BYTES, from 0.6
# bits on, whose tables and scan headers count for more. The likely share is never below JPEG_LOSSY's: an encode takes a
# third of the time, and what it comes to mostly spares the repacking.
JPEG_BITS_A_PIXEL = (0.3, 0.6, 1.0)
JPEG_SMALL_BYTES = 10_000
_REPACKED_CPU_S = 0.03e-6
CHEAPLY_PACKED_BITS = 0.6
"""Bits a pixel of a file that is packed in a fifth of an encode's time: 0.15 s a megabyte (docs/decisions/0359)."""


def _repacked(*shares: tuple[float, float]) -> tuple[Prior, ...]:
    return tuple(Prior(least=least, likely=likely, page=245, cpu_s=_REPACKED_CPU_S) for least, likely in shares)


JPEG_SOURCE = {
    JpegPacking.STANDARD_TABLES: _repacked((0.48, 0.93), (0.6, 0.93), (0.73, 0.93), (0.85, 0.93), (0.77, 0.93)),
    JpegPacking.OWN_TABLES: _repacked((0.815, 0.95), (0.885, 0.95), (0.915, 0.97), (0.935, 0.97), (0.95, 1.0)),
    JpegPacking.STANDARD_SCANS: _repacked((0.78, 0.95), (0.885, 0.95), (0.92, 0.98), (0.975, 0.99), (0.8, 0.95)),
    JpegPacking.OTHER_SCANS: _repacked((0.95, 0.975), (0.965, 0.99), (0.985, 0.995), (0.995, 1.0), (0.93, 0.98)),
}

# Of the file. What was packed before, be it quickly, is hardly ever halved.
PNG_SOURCE = Prior(least=0.5, likely=1.0, page=128, cpu_s=0.4e-6)

# Of the file of a photograph: 0.83 to 0.99. Without filters down to 0.53, but then coarser levels came to less, too.
PHOTOGRAPH_PNG_SOURCE = Prior(least=0.7, likely=1.0, page=246, cpu_s=0.4e-6)

# Of the file. Where its samples are stored as they are, or may have been packed badly, packing may leave anything.
UNKNOWN_PNG_SOURCE = Prior(least=0.0, likely=1.0, page=160, cpu_s=0.4e-6)
STORED_SHARE = 0.9

# Of the file, where its stream says that it was packed at zlib's default or harder: 0.42 at the least of 60 files.
SEARCHED_PNG_SOURCE = Prior(least=0.35, likely=1.0, page=354, cpu_s=0.4e-6)

SEARCHED_LEAST = 0.15
"""Of the pixels' bytes in such a file, what any lossless encode of them takes: WebP's 0.19 at the least of 110 files,
0.36 of those above a quarter of a megapixel (docs/decisions/0354)."""

# Of what level 0 makes of the file: 0.57 at the least.
QUICKLY_PACKED_PNG = Prior(least=0.5, likely=0.9, page=128)
QUICKLY_PACKED_PHOTOGRAPH = Prior(least=0.8, likely=0.95, page=246)
QUICK_PACK_CPU_SHARE = 1 / 8

# Of the file without metadata, which a look at its chunks tells: nothing is packed anew.
WEBP_SOURCE = Prior(least=1.0, likely=1.0, page=20)

# An AVIF or a JPEG XL without metadata; and a JPEG packed as JPEG XL: of its picture 0.66 to 0.92.
AVIF_SOURCE = Prior(least=1.0, likely=1.0, page=260)
JXL_SOURCE = Prior(least=1.0, likely=1.0, page=260)
PACKED_JPEG = Prior(least=0.6, likely=0.83, page=262, cpu_s=0.06e-6)

# A lossy encode. likely: of the source's picture bytes, at most, where the format stays.
JPEG_LOSSY = Prior(least=0.0, likely=0.9, page=251, cpu_s=0.06e-6)
WEBP_LOSSY = Prior(least=0.0, likely=0.9, page=99, cpu_s=0.1e-6)
PALETTE = Prior(least=0.0, likely=0.9, page=131, cpu_s=0.23e-6)
AVIF_LOSSY = Prior(least=0.0, likely=0.9, page=117, cpu_s=0.1e-6)
JXL_LOSSY = Prior(least=0.0, likely=0.9, page=118, cpu_s=0.1e-6)

# A lossless encode, of a lossy one's bytes: 0.11 to 7.3 for screen content, so nothing is ruled out before strips of it
# tell; 3 to 10 for photographs. The times are the least that each format's effort comes down to when time is short.
SCREEN_CONTENT = Prior(least=0.0, likely=1.1, page=130, cpu_s=0.1e-6, bytes_a_pixel=0.25)
PHOTOGRAPH = Prior(least=1.5, likely=4.0, page=20, cpu_s=0.17e-6)

# Every pixel once more by a slower encoder of the same format: of the bytes without, by pixels up to which it is made.
# AVIF's takes 0.95 to 1.0.
SLOWER_LOSSLESS = {
    OutputFormat.WEBP: {
        16_384: Prior(least=0.75, likely=0.95, page=280, cpu_s=30e-6),
        1_000_000: Prior(least=0.94, likely=0.97, page=280, cpu_s=3e-6),
    },
    OutputFormat.JXL: {262_144: Prior(least=0.55, likely=0.9, page=368, cpu_s=3.5e-6)},
}


def slower_lossless(output: OutputFormat, pixels: int) -> Prior | None:
    """The row for a picture of so many pixels; None where it costs more than it saves."""
    return next((row for most, row in SLOWER_LOSSLESS.get(output, {}).items() if pixels <= most), None)


PHOTOGRAPH_ROOM = 1.5
"""How many times a lossy encode's bytes a size has to have room for, for a photograph to be tried without loss."""

# A lossy encode with chroma at its full size, or halved with care. Of the one without, at an equal score.
FINER_CHROMA = Prior(least=1.0, likely=1.05, page=20, cpu_share=1.35)

# Levels some steps apart, coded without loss: of every pixel's bytes, at a score of 75 to 92. What it took is less than
# every pixel takes, so that these are not coded afterwards.
NEAR_LOSSLESS = Prior(least=0.35, likely=0.5, most=0.95, page=172, cpu_share=1.3)

# Another format in place of a PNG of a photograph. likely: bits a pixel at a score of 75 where samples.coded_detail is
# 1, which grow with a power of it; most: what the estimate may fall short by and still be half of the PNG at most.
ADVISED = {
    OutputFormat.WEBP: Prior(least=0.6, likely=3.69, most=1.2, page=282),
    OutputFormat.JPG: Prior(least=0.6, likely=3.91, most=1.2, page=282),
}
ADVISED_POWER = 1.094

LEAST_ADVISED_BITS = 0.15
"""Bits a pixel: what lies on plain ground takes them for the sake of its worst place, however little detail it has."""

POINTS_A_RATE = 21.0
"""Points of the score for which the bytes grow by e, from 70 to 90."""

SLIGHT_GROWTH = 1.2
"""How many times its bytes an encode may take for a place that is slightly over its bound (docs/decisions/0175)."""

HARDLY_GROWTH = 1.45
"""The same for ground that is hardly over its bound where no setting of the encoder does better: what passes without
loss takes five to twelve times the bytes (docs/decisions/0333)."""

DEAR_MEND = 1.15
"""How many times an encode's bytes a means against its worst place takes, for a finer setting without it to be looked
for (docs/decisions/0303)."""

# log(bits a pixel) of a source by its quality, a JPEG's of libjpeg: what a picture takes more or less than that, its
# results do, too. Of formats whose decoders give smaller sides for less.
FILE_RATES = {
    SourceFormat.JPG: ((30, -0.6), (50, -0.32), (75, 0.09), (85, 0.37), (90, 0.63), (95, 1.05), (100, 2.0)),
}

# The same of a result: at the lowest quality that is preferred to smaller sides, and at the least detail that is worth
# many pixels (a score of 30).
RATES_TO_SIZE = {OutputFormat.JPG: (-1.79, -1.18), OutputFormat.WEBP: (-1.92, -1.36)}
LIKELY_OVER = 0.2
"""By how much a size has to lie below the first of the two, for the picture to be decoded at smaller sides first
(docs/decisions/0248)."""

SIDES_ROOM = 1.15
"""How much larger than the sides of the second it is decoded."""

LEAST_GROWTH = 1.35
"""Bytes at the lowest quality grow with a power of a picture's side that is never below this: 1.38 to 2.2 of ten
pictures (docs/decisions/0248)."""

RICH_SCORE = 87.0
"""A typical score from which on halved chroma is what is seen first, in screenshots and on smooth ground."""

POINTS_A_BOUND, MOST_OVER = 12.0, 2.0
"""To a size: what a worst place over its bound by once that bound counts for in points of the score, and up to how many
times (docs/decisions/0170)."""

STRIPS_ERROR = 1.5
"""By how many times one has to be the smaller on strips for the other not to be made: the whole took 0.64 to 1.16
times the ratio that they showed (docs/decisions/0130)."""

STRIPS_ERROR_TO_SIZE = 3.0
"""The same against a size: strips do not show what repeats from top to bottom, and the whole took down to 0.54 of what
they said (docs/decisions/0130)."""

STRIPS_ROWS = 12 * 16
"""What strips of a picture cost, as rows of it."""

CHEAP_REFINEMENT, DEAR_REFINEMENT = 1 / 9, 1 / 4
"""Shares of an encode's own cost (docs/decisions/0160, 0247). A cheap estimate is always made; one up to the dear share
where without it the encode looks unlikely to win; beyond that the encode itself is the better answer."""

UNLIKELY = 0.5
"""A rival below this share of the likely bytes makes it unlikely to win."""

WHOLE_CPU_S = {
    OutputFormat.JPG: 0.03e-6,
    OutputFormat.WEBP: 0.12e-6,
    OutputFormat.PNG: 0.35e-6,
    OutputFormat.AVIF: 0.3e-6,
    OutputFormat.JXL: 0.3e-6,
}
"""Seconds a pixel that a format takes from decoding to the result (docs/decisions/0128, 0117, 0118): what a format that
is tried by turns leaves to those after it."""

SPARE_S = 2.0
"""Left after any encode, for what follows it."""
