"""JPEGs of this engine are known by the numbers of their tables, whoever encoded them, and show the same pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support import trust

from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.codecs.jpeg.jpegli_wheel import encode_colour_420, encode_full_chroma
from leanpix.engine.codecs.jpeg.own_tables import tables_of, with_own_tables
from leanpix.engine.codecs.source_loss import source_loss
from leanpix.engine.facts import Limits
from leanpix.engine.reading.headers.quantisers import jpeg_quantisers
from leanpix.engine.reading.probe import probe

GRAY, COLOUR = trust.texture(2)[:, :, 1].copy(), trust.texture(2)


def saved(pixels: NDArray[np.uint8], **settings: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **settings)
    return file.getvalue()


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("settings", [{"quality": 70}, {"quality": 95, "subsampling": 0, "progressive": True}], ids=str)
@pytest.mark.parametrize("pixels", [GRAY, COLOUR], ids=["gray", "colour"])
def test_other_numbers_show_the_same_and_are_known(pixels: NDArray[np.uint8], settings: dict[str, object]) -> None:
    foreign = saved(pixels, **settings)
    own = with_own_tables(foreign)
    assert len(own) == len(foreign)
    np.testing.assert_array_equal(shown(own), shown(foreign))
    assert not jpeg_quantisers(foreign, None).is_own
    assert jpeg_quantisers(own, None).is_own
    assert probe(own, Limits()).quality == probe(foreign, Limits()).quality == settings["quality"]
    assert with_own_tables(own) == own


def test_two_chroma_tables_stay_two() -> None:
    foreign = saved(COLOUR, qtables=[[step] * 64 for step in (2, 5, 9)])
    own = with_own_tables(foreign)
    assert tables_of(foreign) == (0, 1, 2)
    assert jpeg_quantisers(own, None).is_own
    np.testing.assert_array_equal(shown(own), shown(foreign))


def test_one_table_for_all_stays_one() -> None:
    foreign = saved(COLOUR, qtables=[[7] * 64])
    own = with_own_tables(foreign)
    assert tables_of(foreign) == (0, 0, 0)
    assert jpeg_quantisers(own, None).is_own
    assert not jpeg_quantisers(foreign, None).is_own
    np.testing.assert_array_equal(shown(own), shown(foreign))
    assert with_own_tables(own) == own


def test_a_table_that_nobody_takes_leaves_the_numbers_alone() -> None:
    foreign = saved(COLOUR)
    unused = b"\xff\xdb\x00\x43\x02" + bytes([7] * 64)
    assert with_own_tables(foreign[:2] + unused + foreign[2:]) == foreign[:2] + unused + foreign[2:]


@pytest.mark.parametrize(
    "data",
    [encode_colour_420(COLOUR, 80), encode_full_chroma(COLOUR, 80), encode_full_chroma(GRAY, 80)],
    ids=["4:2:0", "4:4:4", "gray"],
)
def test_what_is_encoded_without_kernels_is_known_as_well(data: bytes) -> None:
    own = with_own_tables(data)
    assert source_loss(own, probe(own, Limits())).is_own
    np.testing.assert_array_equal(shown(own), shown(data))


@pytest.mark.parametrize("pixels", [GRAY, COLOUR], ids=["gray", "colour"])
@pytest.mark.parametrize("quality", [10, 80])
def test_every_encode_has_them(pixels: NDArray[np.uint8], quality: int) -> None:
    """By the kernels, jpegli or mozjpeg."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    made = compress(file.getvalue(), CompressionOptions(format=OutputFormat.JPG, quality=quality)).data
    assert jpeg_quantisers(made, None).is_own


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xd9", saved(COLOUR)[:40]], ids=["no frame", "cut short"])
def test_what_has_no_frame_stays(data: bytes) -> None:
    assert with_own_tables(data) == data
