"""What a header reader tells is what the decoder has, or the source is refused before its pixels are made."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import gif_files
from tests.support.bmp_files import RLE8, bmp
from tests.support.decoding import loaded
from tests.support.pictures import encoded, gradient
from tests.support.png_files import OVER, Frame, apng
from tests.support.tiff_files import DEFLATE, RGB, page, tiff

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.states import TaskState
from leanpix.engine.facts import Limits
from leanpix.engine.reading.probe import probe

LIMITS = Limits(max_side_px=2000, max_total_pixels=4_000_000)
SMALL = gradient(20, 12)
SAMPLES = np.asarray(SMALL)
ANIMATED = {"save_all": True, "append_images": [gradient(21, 12).crop((1, 0, 21, 12))]}
_WHOLE, _PART = np.zeros((12, 20), np.int64), np.ones((5, 6), np.int64)
SEEDS = [
    encoded(SMALL, "JPEG", progressive=True),
    encoded(SMALL, "JPEG"),
    encoded(SMALL, "PNG"),
    encoded(SMALL.quantize(8), "PNG"),
    apng((20, 12), [Frame(SAMPLES), Frame(SAMPLES[:5, :6], 3, 2, 2, OVER)]),
    encoded(SMALL, "WEBP"),
    encoded(SMALL, "WEBP", lossless=True),
    encoded(SMALL.convert("RGBA"), "WEBP", **ANIMATED),
    gif_files.gif(20, 12, [gif_files.frame(_WHOLE), gif_files.frame(_PART, 3, 2, 2)]),
    encoded(SMALL, "BMP"),
    bmp((9, 5), 8, b"".join(bytes([9, row, 0, 0]) for row in range(5)) + b"\0\1", packing=RLE8, palette=bytes(1024)),
    encoded(SMALL, "TIFF"),
    encoded(SMALL, "TIFF", compression="jpeg"),
    tiff([page(SAMPLES, RGB, compression=DEFLATE, tile=16, is_planar=True)]),
    tiff([page(SAMPLES, RGB)], ">", is_big=True),
    encoded(SMALL, "SGI"),
    encoded(SMALL.convert("L"), "SGI", rle=True),
]
_OVER_THE_PROMISE_BYTES = 8_000_000


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
    st.integers(0, 40),
)
def test_decoder_has_what_the_header_tells(seed: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
    source = bytearray(seed[: len(seed) - cut] if cut < 20 else seed)
    for at, change in changes:
        at %= len(source)  # noqa: PLW2901 - a place within this seed
        source[at : at + len(change)] = change
    try:
        told = probe(bytes(source), LIMITS)
    except TaskFailure:
        return
    tracemalloc.start()
    try:
        picture = loaded(bytes(source), target=OutputFormat.WEBP, limits=LIMITS)
    except TaskFailure as failure:
        assert failure.state in {TaskState.INVALID_IMAGE, TaskState.NOT_MEETING_REQUIREMENTS}  # noqa: PT017 - both ends are right
    else:
        assert (picture.width_px, picture.height_px) == (told.width_px, told.height_px)
        assert picture.frames == told.frames
        assert told.has_alpha or not picture.has_alpha
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # Python's and NumPy's own: copies of the source and up to twelve bytes a pixel, whatever the bytes say.
    assert peak <= _OVER_THE_PROMISE_BYTES + told.pixels * told.frames * 30
