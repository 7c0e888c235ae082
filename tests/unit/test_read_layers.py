"""Frames of animations are laid on each other with the values that the specifications of PNG and GIF give."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support import gif_files
from tests.support.decoding import loaded, rgba_of
from tests.support.png_files import OVER, RGB_ALPHA, Frame, apng, chunk

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.states import TaskState
from leanpix.engine.reading.layers import Blend, Disposal, FrameControl, composed

RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 128)


def _solid(colour: tuple[int, ...], width: int = 8, height: int = 6) -> NDArray[np.uint8]:
    return np.full((height, width, 4), colour, np.uint8)


def _frame(number: int, source: bytes) -> NDArray[np.int16]:
    picture = loaded(source, target=OutputFormat.WEBP)
    rows = slice(number * picture.height_px, (number + 1) * picture.height_px)
    return rgba_of(picture)[rows]


def test_half_transparent_frame_over_an_opaque_one() -> None:
    source = apng((8, 6), [Frame(_solid(RED)), Frame(_solid(BLUE, 4, 3), 2, 1, blend=OVER)], RGB_ALPHA)
    assert _frame(1, source)[2, 3].tolist() == [127, 0, 128, 255]
    assert _frame(1, source)[0, 0].tolist() == [*RED]


def test_over_two_half_transparent_ones() -> None:
    place = FrameControl(0, 0, 1, 1, blend=Blend.OVER)
    layers = [(place, np.array([[[255, 0, 0, 128]]], np.uint8)), (place, np.array([[[0, 0, 255, 128]]], np.uint8))]
    # 128/255 + 128/255 * 127/255 of alpha; blue has 128/255 of it, red the rest.
    assert composed((1, 1), 2, 4, layers)[1, 0].tolist() == [85, 0, 170, 192]


@pytest.mark.parametrize(("disposal", "left"), [(Disposal.KEEP, 2), (Disposal.CLEAR, 0), (Disposal.RESTORE, 1)])
def test_what_is_left_of_a_frame(disposal: Disposal, left: int) -> None:
    def level(value: int) -> NDArray[np.uint8]:
        return np.full((1, 1, 4), (value, value, value, 255), np.uint8)

    layers = [
        (FrameControl(0, 0, 1, 1), level(1)),
        (FrameControl(0, 0, 1, 1, disposal), level(2)),
        (FrameControl(1, 0, 1, 1), level(3)),
    ]
    assert composed((2, 1), 3, 4, layers)[2, 0, 0] == left


def test_background_of_a_gif_is_nothing_without_a_transparent_index_too() -> None:
    whole, part = np.zeros((6, 8), np.int64), np.ones((2, 2), np.int64)
    source = gif_files.gif(8, 6, [gif_files.frame(whole, disposal=gif_files.CLEAR), gif_files.frame(part)])
    assert _frame(1, source)[4, 4].tolist() == [0, 0, 0, 0]
    assert _frame(1, source)[0, 0].tolist() == [0, 255, 0, 255]


def test_gif_whose_frame_is_far_larger_than_its_canvas_is_refused_before_pixels() -> None:
    whole, huge = np.zeros((6, 8), np.int64), np.ones((2, 2), np.int64)
    frame = bytearray(gif_files.frame(huge))
    frame[13:17] = (7000).to_bytes(2, "little") * 2
    with pytest.raises(TaskFailure) as raised:
        loaded(gif_files.gif(8, 6, [gif_files.frame(whole), bytes(frame)]))
    assert raised.value.state == TaskState.NOT_MEETING_REQUIREMENTS


def test_frames_that_are_dropped_are_told() -> None:
    frames = [Frame(_solid(RED)), Frame(_solid(BLUE))]
    for told in (1, 5):
        warnings = loaded(apng((8, 6), frames, RGB_ALPHA, told=told), target=OutputFormat.WEBP).warnings
        assert any(f"says {told} frames and holds 2" in warning for warning in warnings)


def test_animation_that_is_cut_short_is_invalid() -> None:
    whole = apng((8, 6), [Frame(_solid(RED)), Frame(_solid(BLUE)), Frame(_solid(RED))], RGB_ALPHA)
    last = whole.rindex(b"fcTL") - 4
    for source in (whole[:-40], whole[:last]):
        with pytest.raises(TaskFailure) as raised:
            loaded(source, target=OutputFormat.WEBP)
        assert raised.value.state == TaskState.INVALID_IMAGE
    assert loaded(whole[:-12], target=OutputFormat.WEBP).frames == 3
    assert whole.endswith(chunk(b"IEND"))
