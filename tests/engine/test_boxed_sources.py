"""AVIF and JPEG XL as sources: their headers by readers of our own, their pixels as browsers show them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tests.engine.pictures import drawing, encoded, photo
from tests.support.boxed_files import (
    ANIMATED_JXL_HEAD,
    BARE_JXL,
    TURNED_JXL,
    avif,
    turned,
    with_numbers,
    with_properties,
)
from tests.support.corpus import corpus_file

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import SourceFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import Keep
from leanpix.domain.states import TaskState
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.colour.made_profile import Primaries, matrix_profile
from leanpix.engine.facts import Limits
from leanpix.engine.libraries.libjxl import LibJxl, libjxl
from leanpix.engine.reading.headers.boxes import box
from leanpix.engine.reading.headers.jxl import picture_only
from leanpix.engine.reading.probe import probe

AVIF, JXL, PNG = OutputFormat.AVIF, OutputFormat.JXL, OutputFormat.PNG
XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    b"<rdf:Description rdf:about='' xmlns:a='http://a.example/' a:note='secret'/></rdf:RDF></x:xmpmeta>"
)
P3 = Primaries((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))


def library() -> LibJxl:
    found = libjxl()
    assert found is not None
    return found


def jxl(pixels: NDArray[np.uint8], distance: float | None = None, profile: bytes | None = None) -> bytes:
    return library().encode(np.ascontiguousarray(pixels), effort=3, distance=distance, profile=profile)


def as_png(source: bytes) -> NDArray[np.uint8]:
    """What is seen of it, without loss."""
    done = compress(source, CompressionOptions(format=PNG, quality=100))
    return np.asarray(Image.open(io.BytesIO(done.data)))


@pytest.mark.parametrize("suffix", ["avif", "jxl"])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_a_header_says_what_the_pixels_are(suffix: str, bands: int) -> None:
    pixels = drawing(97, 61, bands=4)[..., :bands] if bands > 1 else photo(97, 61)[..., :1]
    source = avif(pixels) if suffix == "avif" else jxl(pixels)
    found = probe(source, Limits())
    assert (found.format, found.width_px, found.height_px) == (SourceFormat(suffix), 97, 61)
    assert (found.bands, found.has_alpha, found.frames, found.bits) == (bands, bands == 4, 1, 8)
    assert not found.has_profile
    assert as_png(source).shape[:2] == (61, 97)


@pytest.mark.parametrize("side", [1, 8, 9, 255, 256, 257, 511, 513, 4000])
def test_sides_of_a_jpeg_xl_are_read_in_each_of_their_forms(side: int) -> None:
    for shape in ((side, 8, 1), (8, side, 1), (side, side if side < 600 else 6, 1)):
        found = probe(jxl(np.zeros(shape, np.uint8)), Limits())
        assert (found.height_px, found.width_px) == shape[:2]


def test_without_loss_a_jpeg_xl_says_so() -> None:
    assert probe(jxl(photo(64, 48)), Limits()).is_lossless
    assert not probe(jxl(photo(64, 48), 1.0), Limits()).is_lossless
    packed = library().pack_jpeg(encoded(photo(64, 48), ".jpg"), effort=3)
    assert not probe(packed, Limits()).is_lossless


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_by_its_properties(orientation: int) -> None:
    source = avif(turned(), orientation=orientation)
    assert probe(source, Limits()).orientation == orientation
    picture = Image.fromarray(turned())
    picture.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(picture)).astype(int)
    assert np.abs(as_png(source)[..., :3] - expected).mean() < 3


def test_a_jpeg_xl_is_turned_by_its_codestream() -> None:
    found = probe(TURNED_JXL, Limits())
    assert (found.width_px, found.height_px, found.orientation) == (16, 24, 6)
    seen = as_png(TURNED_JXL).astype(int)
    assert seen.shape[:2] == (24, 16)
    assert seen[1, -2, :3].min() > 200
    assert seen[1, 7, :3].max() < 60


def test_a_bare_codestream_is_read_and_goes_into_a_container() -> None:
    assert np.array_equal(as_png(BARE_JXL)[..., :3], as_png(picture_only(BARE_JXL))[..., :3])
    done = compress(BARE_JXL, CompressionOptions(format=JXL))
    assert done.data.startswith(b"\0\0\0\x0cJXL ")


def test_an_animation_counts_as_one_before_its_pixels_are_read() -> None:
    found = probe(ANIMATED_JXL_HEAD, Limits())
    assert (found.is_animated, found.has_alpha, found.width_px, found.height_px) == (True, True, 24, 16)


def test_of_a_sequence_the_first_picture_is_taken_and_the_rest_named() -> None:
    frames = [Image.fromarray(np.full((32, 48, 3), level, np.uint8)) for level in (40, 120, 200)]
    written = io.BytesIO()
    frames[0].save(written, "AVIF", save_all=True, append_images=frames[1:], speed=9)
    assert probe(written.getvalue(), Limits()).frames == 3
    done = compress(written.getvalue(), CompressionOptions(format=PNG))
    assert done.report.warnings == ("animation dropped: the first of 3 frames is used",)
    assert Holding.ANIMATION in done.report.lost
    assert abs(int(np.asarray(Image.open(io.BytesIO(done.data)).convert("RGB"))[16, 24, 0]) - 40) < 3


@pytest.mark.parametrize("suffix", ["avif", "jxl"])
def test_a_wide_gamut_is_seen_by_its_profile(suffix: str) -> None:
    saturated = np.full((32, 32, 3), (0, 255, 0), np.uint8)
    profile = matrix_profile(P3, None)
    source = (
        avif(saturated, icc_profile=profile, subsampling="4:4:4") if suffix == "avif" else jxl(saturated, None, profile)
    )
    assert probe(source, Limits()).has_profile
    done = compress(source, CompressionOptions(format=PNG, quality=100))
    assert any("kept" in change for change in done.report.changes)
    converted = compress(source, CompressionOptions(format=PNG, quality=100, keep=()))
    assert Image.open(io.BytesIO(converted.data)).info.get("icc_profile") is None


def test_colours_by_number_are_converted_as_by_a_profile() -> None:
    plain = avif(photo(64, 48), subsampling="4:4:4")
    wide = with_numbers(plain, 12, 13)
    assert probe(wide, Limits()).has_profile
    done = compress(wide, CompressionOptions(format=PNG, quality=100, keep=()))
    assert done.report.changes == ("colours converted to sRGB",)
    seen, own = np.asarray(Image.open(io.BytesIO(done.data)).convert("RGB")).astype(int), as_png(plain)[..., :3]
    assert 1 < np.abs(seen - own).mean() < 40


def test_a_high_range_is_shown_in_an_ordinary_one_and_named() -> None:
    done = compress(with_numbers(avif(photo(64, 48)), 9, 16), CompressionOptions(format=PNG))
    assert Holding.HDR in done.report.lost
    assert any("PQ" in warning for warning in done.report.warnings)


def test_the_brightest_of_its_content_says_how_far_a_high_range_is_bent() -> None:
    plain = with_numbers(avif(photo(64, 48)), 9, 16)
    said = {nits: as_png(with_properties(plain, box(b"clli", struct.pack(">HH", nits, 0)))) for nits in (0, 400, 1000)}
    assert np.array_equal(said[0], as_png(plain))  # not known
    assert np.array_equal(said[1000], as_png(plain))
    assert said[400].mean() > as_png(plain).mean() + 4


def test_a_table_of_properties_for_each_item_is_read_and_told() -> None:
    """As the encoder cavif writes them; libavif refuses the file, browsers show it."""
    plain = avif(np.dstack([photo(64, 48), np.full((48, 64, 1), 90, np.uint8)]))
    assert with_properties(plain) == plain
    source = with_properties(plain, is_split=True)
    done = compress(source, CompressionOptions(format=PNG, quality=100))
    assert any("several tables" in warning for warning in done.report.warnings)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(done.data))), as_png(plain))
    with pytest.raises(TaskFailure):
        compress(source[:-40], CompressionOptions(format=PNG))


@pytest.mark.parametrize("suffix", ["avif", "jxl"])
def test_one_that_is_cut_short_is_damaged(suffix: str) -> None:
    source = avif(photo()) if suffix == "avif" else jxl(photo(), 1.0)
    for share in (0.05, 0.3, 0.6, 0.95):
        with pytest.raises(TaskFailure) as refused:
            compress(source[: int(share * len(source))], CompressionOptions(format=PNG))
        assert refused.value.state is TaskState.INVALID_IMAGE


@pytest.mark.parametrize("suffix", ["avif", "jxl"])
def test_bytes_that_are_changed_end_in_a_picture_or_a_refusal(suffix: str) -> None:
    source = avif(photo(64, 48)) if suffix == "avif" else jxl(photo(64, 48), 1.0)
    random, ends = np.random.default_rng(7), set[TaskState | None]()
    for _ in range(150):
        spoilt = bytearray(source)
        for at in random.integers(0, len(source), 3):
            spoilt[at] = random.integers(0, 256)
        ends.add(end_of(bytes(spoilt)))
    assert ends <= {None, TaskState.INVALID_IMAGE, TaskState.NOT_MEETING_REQUIREMENTS}


def end_of(source: bytes) -> TaskState | None:
    """None: a picture."""
    try:
        compress(source, CompressionOptions(format=OutputFormat.JPG, quality=50))
    except TaskFailure as refused:
        return refused.state
    return None


@pytest.mark.parametrize("suffix", ["avif", "jxl"])
def test_its_limits_are_those_of_all_others(suffix: str) -> None:
    source = avif(photo(96, 64)) if suffix == "avif" else jxl(photo(96, 64))
    with pytest.raises(TaskFailure) as refused:
        probe(source, Limits(max_side_px=95))
    assert refused.value.state is TaskState.NOT_MEETING_REQUIREMENTS


@pytest.mark.parametrize("suffix", ["avif", "jxl"])
def test_its_own_format_is_never_larger_and_never_chosen_by_itself(suffix: str) -> None:
    source = avif(photo(), quality=40) if suffix == "avif" else jxl(photo(), 4.0)
    kept = compress(source, CompressionOptions(format=OutputFormat(suffix)))
    assert kept.report.result_bytes <= len(source)
    assert compress(source, CompressionOptions()).report.format is OutputFormat.JPG


def test_metadata_goes_with_every_byte_of_it_and_stays_where_it_is_wanted() -> None:
    exif = Image.Exif()
    exif[0x8298] = "(c) Nobody in particular"
    source = avif(turned(), exif=exif.tobytes(), xmp=XMP)
    gone = compress(source, CompressionOptions(format=AVIF, quality=100))
    assert gone.report.encoder == "source"
    assert b"Nobody" not in gone.data
    assert b"secret" not in gone.data
    assert {Holding.COPYRIGHT, Holding.XMP} <= set(gone.report.lost)
    kept = compress(source, CompressionOptions(format=OutputFormat.JPG, keep=(Keep.COPYRIGHT,)))
    assert Image.open(io.BytesIO(kept.data)).getexif()[0x8298] == "(c) Nobody in particular"


def test_boxes_of_64_bits_are_read() -> None:
    source = jxl(photo(64, 48))
    at = source.index(b"jxlc") - 4
    (size,) = struct.unpack_from(">I", source, at)
    wide = source[:at] + struct.pack(">I4sQ", 1, b"jxlc", size + 8) + source[at + 8 :]
    assert probe(wide, Limits()).width_px == 64


@pytest.mark.parametrize("name", ["d_H_image.avif"])
def test_files_of_others_are_read(name: str) -> None:
    done = compress(corpus_file(name).read_bytes(), CompressionOptions())
    assert (done.report.source_format, done.report.width_px, done.report.height_px) == (SourceFormat.AVIF, 300, 400)
