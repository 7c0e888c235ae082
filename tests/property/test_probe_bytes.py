"""Whatever the bytes: a header is read, or refused by a TaskFailure, and nothing else happens."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.engine.facts import Limits
from leanpix.engine.reading.probe import probe, sniff

LIMITS = Limits()
SMALL = gradient(20, 12)
ANIMATED = {"save_all": True, "append_images": [gradient(21, 12).crop((1, 0, 21, 12))]}
SEEDS = [
    encoded(SMALL, "JPEG", progressive=True),
    encoded(SMALL, "JPEG", comment=b"x" * 40),
    encoded(SMALL, "PNG"),
    encoded(SMALL, "PNG", **ANIMATED),
    encoded(SMALL, "WEBP"),
    encoded(SMALL.convert("RGBA"), "WEBP", **ANIMATED),
    encoded(SMALL, "GIF", **ANIMATED),
    encoded(SMALL, "BMP"),
    encoded(SMALL, "TIFF"),
    encoded(SMALL, "TIFF", big_tiff=True),
    encoded(SMALL, "SGI"),
]
MAGICS = [seed[:length] for seed in SEEDS for length in (6, 16)] + [
    b"II*\0CR",
    b"\0\0\0\x18ftypcrx ",
    b"FUJIFILMCCD-RAW",
]


def _settles(source: bytes) -> None:
    sniff(source)
    try:
        found = probe(source, LIMITS)
    except TaskFailure as failure:
        assert failure.state in {TaskState.INVALID_IMAGE, TaskState.NOT_MEETING_REQUIREMENTS}  # noqa: PT017 - both ends are right
    else:
        assert max(found.width_px, found.height_px) <= LIMITS.max_side_px
        assert 1 <= found.frames <= LIMITS.max_frames
        assert found.orientation in range(1, 9)


@given(st.binary(max_size=200))
def test_random_bytes_settle(source: bytes) -> None:
    _settles(source)


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_random_bytes_behind_a_signature_settle(magic: bytes, rest: bytes) -> None:
    _settles(magic + rest)


@settings(max_examples=400)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=6))
def test_changed_bytes_settle(seed: bytes, changes: list[tuple[int, bytes]]) -> None:
    source = bytearray(seed)
    for at, change in changes:
        at %= len(source)  # noqa: PLW2901 - a place within this seed
        source[at : at + len(change)] = change
    _settles(bytes(source))


@given(st.sampled_from(SEEDS), st.integers(0, 2000))
def test_cut_files_settle(seed: bytes, length: int) -> None:
    _settles(seed[: length % len(seed)])
