"""An animation as a lossy WebP moves as its source does, slowly too, with its times, its loops and its transparency."""

from __future__ import annotations

import io
from itertools import accumulate

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.browser import NO_CHROMIUM, chromium_path
from tests.support.pictures import played
from tests.support.shown import showing

from leanpix.domain.formats import OutputFormat
from leanpix.domain.keep import parse_keep
from leanpix.domain.request import KBYTE, CompressionOptions
from leanpix.engine import compress
from leanpix.engine.colour.made_profile import Primaries, matrix_profile

WEBP = OutputFormat.WEBP
DELAY_MS = 40
Frames = list[NDArray[np.uint8]]


def fade(step: int, count: int = 24, *, bands: int = 3, size: tuple[int, int] = (90, 130)) -> Frames:
    """Something like a photograph that grows brighter by so many levels a frame."""
    y, x = np.mgrid[: size[0], : size[1]]
    grain = np.random.default_rng(3).normal(0, 6, size)
    ground = 70 + 30 * np.sin(x / 9) + 25 * np.cos(y / 7) + grain
    frames = []
    for number in range(count):
        colour = np.stack([ground, ground * 0.8, ground * 0.6 + 20], axis=2) + step * number
        alpha = np.full((*size, 1), 255.0)
        alpha[: size[0] // 3] = 0
        planes = {1: colour[..., :1], 3: colour, 4: np.concatenate([colour, alpha], axis=2)}[bands]
        frames.append(planes.clip(0, 255).astype(np.uint8))
    return frames


def source_of(frames: Frames, delays: list[int] | None = None, **settings: object) -> bytes:
    pictures = [Image.fromarray(frame.squeeze()) for frame in frames]
    written = io.BytesIO()
    told = {"duration": delays or [DELAY_MS] * len(frames), "loop": 3} | settings
    pictures[0].save(written, "PNG", save_all=True, append_images=pictures[1:], **told)
    return written.getvalue()


def loops(data: bytes) -> int:
    """How often all of it plays; 0: without end."""
    with Image.open(io.BytesIO(data)) as picture:
        return int(picture.info["loop"])


def at_times(frames: Frames, delays: list[float], times: list[int]) -> Frames:
    """What is shown at these times."""
    ends = list(accumulate(delays))
    return [frames[next(number for number, end in enumerate(ends) if time < end)] for time in times]


def brightness(frame: NDArray[np.uint8]) -> float:
    """Of what is seen of it."""
    seen = frame[..., 3] > 0 if frame.shape[2] == 4 else slice(None)
    return float(frame[seen][..., :3].mean())


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("options", [{}, {"quality": 15}, {"quality": 60}, {"quality": 90}, {"max_bytes": 30 * KBYTE}])
def test_a_slow_fade_goes_on_frame_by_frame(step: int, options: dict[str, int]) -> None:
    """libwebp takes a frame that differs by little for the one before, and so stands still."""
    frames = fade(step)
    done = compress(source_of(frames), CompressionOptions(format=WEBP, **options))  # type: ignore[arg-type]
    (shown, delays), loop = played(done.data), loops(done.data)
    assert (sum(delays), loop) == (DELAY_MS * len(frames), 3)
    seen = at_times(shown, delays, [DELAY_MS * number + 1 for number in range(len(frames))])
    for meant, found in zip(frames, seen, strict=True):
        assert brightness(found) == pytest.approx(brightness(meant), abs=1.5)


@pytest.mark.parametrize("bands", [1, 4])
def test_gray_and_transparency_fade_too(bands: int) -> None:
    frames = fade(2, bands=bands)
    done = compress(source_of(frames), CompressionOptions(format=WEBP, quality=40))
    shown, delays = played(done.data)
    assert len(shown) == len(delays) == len(frames)
    for meant, found in zip(frames, shown, strict=True):
        assert brightness(found) == pytest.approx(brightness(meant), abs=2.5)
        assert np.array_equal(
            found[..., 3] == 0, meant[..., -1] == 0 if bands == 4 else np.zeros(found.shape[:2], bool)
        )


def test_automatic_quality_need_not_be_fine_for_a_fade() -> None:
    """Before frames were coded one by one only quality 98 kept a fade's look: ten times the bytes."""
    source = source_of(fade(1))
    automatic = compress(source, CompressionOptions(format=WEBP))
    fine = compress(source, CompressionOptions(format=WEBP, quality=98))
    assert automatic.report.score is not None
    assert automatic.report.score > 74
    assert len(automatic.data) < len(fine.data) / 4


def test_a_change_in_an_odd_place_stays_there_and_what_stands_still_shows_as_long() -> None:
    frames = [frame.copy() for frame in fade(2, 9)]
    for number, frame in enumerate(frames):
        frame[61:68, 33 + 2 * number : 40 + 2 * number] = (200, 30, 40)
    frames[5] = frames[4]
    delays = [10, 20, 30, 400, 50, 60, 70, 80, 9000]
    done = compress(source_of(frames, delays), CompressionOptions(format=WEBP, quality=50))
    shown, lasting = played(done.data)
    assert sum(lasting) == sum(delays)
    begins = [0, *accumulate(delays)][:-1]
    for meant, found in zip(frames, at_times(shown, lasting, begins), strict=True):
        red = (found[..., 0] > 150) & (found[..., 1] < 110)
        rows, columns = np.nonzero(red)
        meant_rows, meant_columns = np.nonzero((meant == (200, 30, 40)).all(axis=2))
        assert abs(rows.mean() - meant_rows.mean()) < 1
        assert abs(columns.mean() - meant_columns.mean()) < 1


def test_a_wide_gamut_s_profile_goes_with_it() -> None:
    profile = matrix_profile(Primaries((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), None)
    frames = fade(2, 8)
    for frame in frames:
        frame[:40, :40] = (0, 255, 0)
    options = CompressionOptions(format=WEBP, quality=40, keep=parse_keep(""))
    done = compress(source_of(frames, icc_profile=profile), options)
    with Image.open(io.BytesIO(done.data)) as picture:
        assert picture.info.get("icc_profile") == profile


def test_chromium_plays_it() -> None:
    path = chromium_path()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    frames = fade(2, 10, bands=4)
    done = compress(source_of(frames), CompressionOptions(format=WEBP, quality=40))
    with showing(path) as page:
        shown = page.frames(done.data, "image/webp")
    assert shown is not None
    assert len(shown) == len(frames)
    for meant, found in zip(frames, shown, strict=True):
        assert brightness(found) == pytest.approx(brightness(meant), abs=2.5)
