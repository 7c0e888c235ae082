"""An APNG stays one: packed again where it is as it was, written frame by frame where it is not."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from tests.support.pictures import played
from tests.support.shown import Shown

from leanpix.domain.formats import OutputFormat
from leanpix.domain.holding import Holding
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.codecs.base import Raster
from leanpix.engine.codecs.png.animated import animated_png, repacked_animation
from leanpix.engine.reading.headers.png_chunks import chunks, written

DELAYS_MS = (50, 60, 70, 80)
PNG, WEBP = OutputFormat.PNG, OutputFormat.WEBP


def stack(bands: int, colours: int = 0, *, has_pause: bool = False) -> NDArray[np.uint8]:
    """Four frames of 40 x 32 below each other: a square that wanders over a ground. has_pause: not from 1 to 2."""
    rng = np.random.default_rng(bands)
    ground = rng.integers(0, 255, (32, 40, bands), np.uint8)
    if colours:
        ground = rng.integers(0, 255, (colours, bands), np.uint8)[rng.integers(0, colours, (32, 40))]
    if bands in {2, 4}:
        ground[..., -1] = 255
    frames = [ground.copy() for _ in DELAYS_MS]
    for place, frame in enumerate(frames):
        left = 4 + 8 * (max(place - 1, 0) if has_pause else place)
        frame[6:16, left : left + 9] = ground[0, 0]
        if bands in {2, 4}:
            frame[20:26, left : left + 5, -1] = 0
            frame[20:26, left : left + 5, :-1] = 9
    return np.concatenate(frames)


def apng(pixels: NDArray[np.uint8], **options: object) -> bytes:
    """By Pillow, hardly packed."""
    frames = [Image.fromarray(frame.squeeze()) for frame in np.split(pixels, len(DELAYS_MS))]
    file = io.BytesIO()
    told = {"duration": list(DELAYS_MS), "loop": 3, "compress_level": 1} | options
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], **told)
    return file.getvalue()


def is_same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Where nothing is seen, colours do not count."""
    seen = other[..., 3] > 0
    return np.array_equal(one[seen], other[seen]) and np.array_equal(one[..., 3], other[..., 3])


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("colours", [0, 5])
def test_frames_are_written_as_they_are(bands: int, colours: int) -> None:
    pixels = stack(bands, colours, has_pause=True)
    data = animated_png(Raster(pixels, len(DELAYS_MS), DELAYS_MS, 3), 2)
    frames, delays = played(data)
    assert delays == pytest.approx(DELAYS_MS)
    modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    for frame, wanted in zip(frames, np.split(pixels, len(DELAYS_MS)), strict=True):
        expected = Image.fromarray(wanted.squeeze(), modes[bands]).convert("RGBA")
        assert np.array_equal(frame, np.asarray(expected))
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.info["loop"] == 3


def test_few_colours_are_a_palette_of_all_frames_and_only_what_changes_is_stored() -> None:
    data = animated_png(Raster(stack(4, 5, has_pause=True), len(DELAYS_MS), DELAYS_MS), 2)
    assert data[25] == 3
    sizes = [struct.unpack_from(">II", data, one.start + 4) for one in chunks(data) if one.name == b"fcTL"]
    assert sizes[0] == (40, 32)
    assert sizes[1] == (1, 1)  # as the first
    assert all(width <= 17 and height <= 20 for width, height in sizes[1:])


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("quality", [None, 60, 100])
def test_as_it_was_it_is_packed_again_and_never_larger(bands: int, quality: int | None) -> None:
    source = apng(stack(bands))
    done = compress(source, CompressionOptions(quality=quality))
    assert (done.report.format, done.report.frames) == (PNG, 4)
    assert Holding.ANIMATION not in done.report.lost
    assert not done.report.warnings or "dropped" not in done.report.warnings[0]
    assert len(done.data) <= len(source)
    (frames, delays), (wanted, told) = played(done.data), played(source)
    assert delays == told
    assert all(is_same(frame, other) for frame, other in zip(frames, wanted, strict=True))


@pytest.mark.parametrize("disposal", [0, 1])  # Pillow restores what is before a first frame in its own way
@pytest.mark.parametrize("blend", [0, 1])
def test_disposal_and_blending_of_the_source_are_composed(disposal: int, blend: int) -> None:
    source = apng(stack(4), disposal=disposal, blend=blend)
    wanted, _ = played(source)
    resized, _ = played(compress(source, CompressionOptions(width_px=80)).data)
    again, _ = played(compress(source, CompressionOptions(format=PNG)).data)
    assert [frame.shape for frame in resized] == [(64, 80, 4)] * 4
    assert all(is_same(frame, other) for frame, other in zip(again, wanted, strict=True))
    for frame, other in zip(resized, wanted, strict=True):
        small = np.asarray(Image.fromarray(frame).resize((40, 32), Image.Resampling.BOX)).astype(int)
        assert np.abs(small[..., 3] - other[..., 3]).mean() < 12


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("blend", [0, 1])
@pytest.mark.parametrize("background", [None, "ffffff"])
def test_chromium_shows_of_a_result_what_it_shows_of_the_source(
    shown: Shown, disposal: int, blend: int, background: str | None
) -> None:
    source = apng(stack(4), disposal=disposal, blend=blend)
    done = compress(source, CompressionOptions(background=background))
    ours, theirs = shown.frames(done.data, "image/png"), shown.frames(source, "image/png")
    assert ours is not None
    assert theirs is not None
    for frame, other in zip(ours, theirs, strict=True):
        if background is None:
            assert is_same(frame, other)
        else:
            share = other[..., 3:].astype(float) / 255
            assert np.abs(frame[..., :3] - (other[..., :3] * share + 255 * (1 - share))).max() <= 1


@pytest.mark.parametrize("width", [20, 39])
def test_resized_it_keeps_its_frames_and_their_times(width: int) -> None:
    done = compress(apng(stack(3)), CompressionOptions(width_px=width))
    frames, delays = played(done.data)
    assert (len(frames), frames[0].shape[1]) == (4, width)
    assert delays == pytest.approx(DELAYS_MS)
    assert (done.report.frames, done.report.lost) == (4, ())


def test_on_a_colour_it_has_no_alpha_and_keeps_its_frames() -> None:
    done = compress(apng(stack(4)), CompressionOptions(background="ffffff"))
    frames, _ = played(done.data)
    assert len(frames) == 4
    assert all((frame[..., 3] == 255).all() for frame in frames)


def test_into_webp_it_stays_an_animation_and_into_jpeg_its_frames_are_named() -> None:
    source = apng(stack(3))
    assert compress(source, CompressionOptions(format=WEBP)).report.frames == 4
    assert Holding.ANIMATION in compress(source, CompressionOptions(format=OutputFormat.JPG)).report.lost


def test_a_hidden_default_picture_stays_hidden() -> None:
    file = io.BytesIO()
    still = Image.fromarray(np.full((32, 40, 3), 200, np.uint8))
    frames = [Image.fromarray(frame) for frame in np.split(stack(3), len(DELAYS_MS))]
    still.save(file, "PNG", save_all=True, append_images=frames, default_image=True, duration=list(DELAYS_MS))
    done = compress(file.getvalue(), CompressionOptions())
    names = [one.name for one in chunks(done.data)]
    assert names.index(b"IDAT") < names.index(b"fcTL")
    assert done.report.frames == 4


def pieces(source: bytes) -> Iterator[bytes]:
    """The same with each fdAT in two: their numbers go on."""
    number = 0
    yield source[:8]
    for one in chunks(source):
        body = source[one.start : one.end]
        if one.name == b"fdAT":
            middle = 4 + (len(body) - 4) // 2
            for part in (body[4:middle], body[middle:]):
                yield written(b"fdAT", struct.pack(">I", number) + part)
                number += 1
        elif one.name == b"fcTL":
            yield written(b"fcTL", struct.pack(">I", number) + body[4:])
            number += 1
        else:
            yield written(one.name, body)


def test_a_stream_in_pieces_becomes_one_and_what_is_no_better_stays() -> None:
    source = b"".join(pieces(apng(stack(3), compress_level=9)))
    assert len(played(source)[0]) == 4
    again = repacked_animation(source, 9)
    assert again is not None
    assert len(again) < len(source)
    assert all(np.array_equal(*both) for both in zip(played(again)[0], played(source)[0], strict=True))


def test_a_damaged_stream_is_no_animation_to_pack() -> None:
    source = apng(stack(3))
    at = source.index(b"fdAT")
    assert repacked_animation(source[: at + 9] + b"?" + source[at + 10 :], 9) is None


@pytest.mark.parametrize("quality", [None, 60, 100])
@pytest.mark.parametrize("form", [PNG, WEBP])
def test_an_animation_that_is_as_small_as_it_gets_stays_one(form: OutputFormat, quality: int | None) -> None:
    """Its own file goes back, whose frames are chunks that a still picture's file does not have."""
    done = compress(apng(stack(4, 5)), CompressionOptions(format=form))
    for _ in range(2):
        done = compress(done.data, CompressionOptions(format=form, quality=quality))
        frames, delays = played(done.data)
        assert (len(frames), Holding.ANIMATION in done.report.lost) == (4, False)
        assert delays == pytest.approx(DELAYS_MS)


@pytest.mark.parametrize("level", [1, 9])
def test_an_animation_whose_profile_is_not_kept_stays_one(level: int) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = apng(stack(3, 5), icc_profile=profile, compress_level=level)
    done = compress(source, CompressionOptions(format=PNG, quality=100, keep=()))
    frames, _ = played(done.data)
    assert len(frames) == 4
    assert all(is_same(one, other) for one, other in zip(frames, played(source)[0], strict=True))
    assert b"iCCP" not in done.data
