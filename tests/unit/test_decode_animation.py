"""Animations keep their frames, delays, loop count and transparency, on the canvas that the file asks for."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.corpus import corpus_file
from tests.support.decoding import loaded, rgba_of
from tests.support.pictures import encoded

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions, Fit
from leanpix.engine.reading.picture import Picture

DELAYS = [40, 70, 100, 130]
LOOPS = 3


def _frames() -> list[Image.Image]:
    """A square that wanders over a transparent ground."""
    frames = []
    for number in range(len(DELAYS)):
        frame = Image.new("RGBA", (40, 24), (0, 0, 0, 0))
        frame.paste((200, 30 * number, 60, 255), (8 * number, 4, 8 * number + 10, 18))
        frames.append(frame)
    return frames


def _animation(kind: str) -> bytes:
    frames = _frames()
    extra = {"lossless": True} if kind == "WEBP" else {"disposal": 2} if kind == "GIF" else {}
    # GIF counts the repeats after the first time, WebP and APNG all of them.
    loop = LOOPS - 1 if kind == "GIF" else LOOPS
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=DELAYS, loop=loop, **extra)


def _shown(source: bytes) -> list[NDArray[np.int16]]:
    """The frames as Pillow shows them."""
    with Image.open(io.BytesIO(source)) as opened:
        frames = []
        for number in range(opened.n_frames):  # type: ignore[attr-defined] # the plug-ins of animated formats have it
            opened.seek(number)
            frames.append(np.asarray(opened.convert("RGBA"), np.int16))
    return frames


def _assert_same(picture: Picture, frames: list[NDArray[np.int16]]) -> None:
    assert picture.frames == len(frames)
    pages = rgba_of(picture).reshape(picture.frames, picture.height_px, picture.width_px, 4)
    for page, frame in zip(pages, frames, strict=True):
        assert np.abs(page[..., 3] - frame[..., 3]).max() <= 1
        assert np.abs(page - frame)[frame[..., 3] > 0].max(initial=0) <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_is_whole_for_webp(kind: str) -> None:
    picture = loaded(_animation(kind), target=OutputFormat.WEBP)
    assert list(picture.delays_ms) == DELAYS
    assert picture.loop == LOOPS
    assert picture.has_alpha
    _assert_same(picture, [np.asarray(frame, np.int16) for frame in _frames()])


def test_default_picture_of_an_apng_is_no_frame_of_it() -> None:
    default = Image.new("RGBA", (40, 24), (9, 9, 9, 255))
    source = encoded(default, "PNG", save_all=True, append_images=_frames(), duration=DELAYS, default_image=True)
    picture = loaded(source, target=OutputFormat.WEBP)
    assert list(picture.delays_ms) == DELAYS
    _assert_same(picture, [np.asarray(frame, np.int16) for frame in _frames()])
    _assert_same(loaded(source, target=OutputFormat.PNG), [np.asarray(frame, np.int16) for frame in _frames()])
    flat = loaded(source, target=OutputFormat.JPG)
    assert flat.frames == 1


@pytest.mark.parametrize(
    ("kind", "target"),
    [(kind, OutputFormat.JPG) for kind in ("GIF", "WEBP", "PNG")]
    + [(kind, OutputFormat.PNG) for kind in ("GIF", "WEBP")],
)
def test_other_formats_get_the_first_frame_and_a_warning(kind: str, target: OutputFormat) -> None:
    picture = loaded(_animation(kind), target=target)
    assert (picture.frames, picture.delays_ms, picture.height_px) == (1, (), 24)
    assert any(warning.startswith("animation dropped") for warning in picture.warnings)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_frames_are_resized_each_by_itself(kind: str) -> None:
    picture = loaded(_animation(kind), CompressionOptions(width_px=20, height_px=33), OutputFormat.WEBP)
    pages = rgba_of(picture).reshape(4, 33, 20, 4)
    assert (picture.width_px, picture.height_px) == (20, 33)
    # The first and the last rows are empty in every frame: nothing has come over from the neighbour.
    assert pages[:, 0, :, 3].max() == 0
    assert pages[:, -1, :, 3].max() == 0
    assert [int(page[16, 4 * number + 2, 0]) for number, page in enumerate(pages)] == [200] * 4


@pytest.mark.parametrize("size", [(80, 48), (52, 89), (40, 48), (20, 48)])
def test_enlarged_frames_stay_in_their_place(size: tuple[int, int]) -> None:
    frames = []
    for number in range(3):
        frame = Image.new("RGBA", (40, 24), (0, 0, 0, 0))
        frame.paste((200, 30 * number, 60, 255), (4 + 4 * number, 4 + number, 36 - 4 * number, 20 - number))
        frames.append(frame)
    source = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50, lossless=True)
    options = CompressionOptions(width_px=size[0], height_px=size[1], fit=Fit.FILL)
    pages = rgba_of(loaded(source, options, OutputFormat.WEBP)).reshape(3, size[1], size[0], 4)
    assert pages[:, 0, :, 3].max() == 0
    assert pages[:, -1, :, 3].max() == 0
    for page in pages:
        weighted = page * (page[..., 3:] / 255)
        assert np.abs(weighted - weighted[:, ::-1]).max() <= 2
        assert np.abs(weighted - weighted[::-1]).max() <= 2


def test_no_frame_bleeds_into_the_next() -> None:
    colours = [(255, 0, 0), (0, 0, 255), (0, 255, 0)]
    frames = [Image.new("RGB", (40, 24), colour) for colour in colours]
    source = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    picture = loaded(source, CompressionOptions(width_px=17, height_px=10), OutputFormat.WEBP)
    for page, colour in zip(rgba_of(picture).reshape(3, 10, 17, 4), colours, strict=True):
        assert np.unique(page.reshape(-1, 4), axis=0).tolist() == [[*colour, 255]]


def test_frames_are_padded_each_by_itself() -> None:
    options = CompressionOptions(width_px=40, height_px=40, fit=Fit.CONTAIN)
    picture = loaded(_animation("GIF"), options, OutputFormat.WEBP)
    pages = rgba_of(picture).reshape(4, 40, 40, 4)
    assert pages[:, :8, :, 3].max() == 0
    assert pages[:, 16, :, 3].max(axis=1).tolist() == [255] * 4


def test_gif_without_a_loop_count_plays_once() -> None:
    frames = _frames()
    source = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert loaded(source, target=OutputFormat.WEBP).loop == 1


@pytest.mark.parametrize("canvas", [(800, 600), (3000, 2500), (50, 70)])
def test_gif_has_the_canvas_that_it_asks_for(canvas: tuple[int, int]) -> None:
    """800 x 600 and all over 2048 are sizes that libnsgif takes for a mistake."""
    colours = bytes([255, 0, 0, 0, 0, 255])
    frame = b",\x05\x00\x07\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    source = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + colours + frame + b";"
    picture = loaded(source)
    pixels = rgba_of(picture)
    assert (picture.width_px, picture.height_px) == canvas
    assert pixels[7, 5].tolist() == [255, 0, 0, 255]
    assert np.count_nonzero(pixels[..., 3]) == 1


@pytest.mark.parametrize(
    "name",
    [
        "d_S_animated-loop-3.gif",
        "d_V_dispose-background.gif",
        "d_P_dispose_prev.gif",
        "d_P_iss634.webp",
        "d_I_ball.png",
    ],
)
def test_real_animation_shows_the_frames_that_another_reader_shows(name: str) -> None:
    source = corpus_file(name).read_bytes()
    _assert_same(loaded(source, target=OutputFormat.WEBP), _shown(source))
