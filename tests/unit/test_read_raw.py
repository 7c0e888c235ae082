"""Camera raw that is cut short is invalid wherever it was cut: LibRaw would show the rest black or magenta."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.camera_raw import MAKERS
from tests.support.corpus import corpus_file
from tests.support.decoding import loaded
from tests.support.tiff_files import dng

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.engine.reading.headers import raw
from leanpix.engine.reading.loaders.libraw import complaints

MOSAIC = np.random.default_rng(1).integers(2000, 60_000, (256, 384)).astype(np.uint16)
FILES = {"strips": dng(MOSAIC), "tiles": dng(MOSAIC, tile=128)}
SHARES = [0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999]


def _assert_invalid(source: bytes) -> None:
    with pytest.raises(TaskFailure) as raised:
        loaded(source)
    assert raised.value.state == TaskState.INVALID_IMAGE


@pytest.mark.parametrize("name", FILES)
def test_whole_raw_is_read(name: str) -> None:
    picture = loaded(FILES[name])
    assert (picture.width_px, picture.height_px, picture.probe.format) == (384, 256, "raw")
    assert complaints(FILES[name]) == 0


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", FILES)
def test_cut_raw_is_invalid(name: str, share: float) -> None:
    # The thumbnail at the end is no pixel of the picture.
    end = FILES[name].rindex(MOSAIC[-1, -20:].tobytes()) + 40
    _assert_invalid(FILES[name][: int(end * share)])


@pytest.mark.parametrize("maker", MAKERS)
def test_raw_of_each_maker_is_read_whole_and_refused_cut(maker: str) -> None:
    mosaic = (MOSAIC >> 4).astype(
        np.uint16
    )  # 12 bits: LibRaw knows of these cameras that they have no more, and calls more damage
    source = MAKERS[maker](mosaic)
    picture = loaded(source)
    assert (picture.width_px, picture.height_px, picture.probe.format) == (384, 256, "raw")
    end = source.rindex(mosaic[-1, -20:].tobytes()) + 40
    for share in SHARES:
        _assert_invalid(source[: int(end * share)])
    _assert_invalid(source[: end - 1])


def test_libraw_complains_of_what_is_missing(capfd: pytest.CaptureFixture[str]) -> None:
    assert complaints(FILES["strips"][:-100_000]) > 0
    capfd.readouterr()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(
    "name", ["d_R_RAW_KODAK_DC50_é.KDC", "d_gen_raw_uncompressed.dng", "d_gen_raw_ljpeg_rotated.dng"]
)
def test_cut_raw_of_the_corpus_is_invalid(name: str, share: float) -> None:
    source = corpus_file(name).read_bytes()
    _assert_invalid(source[: int(len(source) * share)])


@pytest.mark.parametrize(
    "source",
    [
        b"FUJIFILMCCD-RAW".ljust(100, b"\0") + bytes([0, 0, 1, 0, 0, 0, 1, 0]) + bytes(300),
        b"\0\0\0\x10ftypcrx \0\0\0\0" + b"\0\0\x10\0mdat" + bytes(100),
        b"IIRO" + b"\x08\0\0\0\x02\0" + b"\x11\1\4\0\1\0\0\0\x40\0\0\0" + b"\x17\1\4\0\1\0\0\0\0\1\0\0" + bytes(60),
    ],
)
def test_parts_beyond_the_file_are_found_in_makers_own_layouts(source: bytes) -> None:
    with pytest.raises(TaskFailure):
        raw.check_pieces(source)
    raw.check_pieces(source + bytes(5000))
