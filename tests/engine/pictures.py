"""Made-up pictures for the engine's tests: seeded, small, one for each kind of content."""

from __future__ import annotations

import numpy as np
import pyvips
from numpy.typing import NDArray


def photo(width: int = 320, height: int = 240, seed: int = 1) -> NDArray[np.uint8]:
    """Smooth shapes under fine noise, (height, width, 3): compresses like a photograph."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bands = [
        128 + 90 * np.sin(x / (23 + 9 * band) + band) * np.cos(y / (31 + 5 * band)) + rng.normal(0, 6, x.shape)
        for band in range(3)
    ]
    pixels: NDArray[np.uint8] = np.clip(np.stack(bands, axis=2), 0, 255).astype(np.uint8)
    return pixels


def drawing(width: int = 320, height: int = 240, bands: int = 3) -> NDArray[np.uint8]:
    """Flat saturated shapes with hard edges; with 4 bands the background is transparent."""
    pixels = np.full((height, width, bands), 255, np.uint8)
    if bands == 4:
        pixels[:, :, 3] = 0
    for i in range(12):
        top, left = i * height // 14, (i * 37) % (width - 40)
        colour = [(255, 0, 0), (0, 0, 255), (0, 128, 0), (20, 20, 20)][i % 4]
        pixels[top : top + 12, left : left + 40] = (*colour, 255)[:bands]
    return pixels


def image(pixels: NDArray[np.uint8]) -> pyvips.Image:
    """Pixels as a libvips image."""
    height, width, bands = pixels.shape
    made = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).reshape(-1).data, width, height, bands, "uchar")
    return made.copy(interpretation="b-w" if bands < 3 else "srgb").copy_memory()


def encoded(pixels: NDArray[np.uint8], suffix: str, **settings: object) -> bytes:
    """Pixels as a file; suffix is libvips' name of the format, such as ".png"."""
    data: bytes = image(pixels).write_to_buffer(suffix, **settings)
    return data


def animation(frames: int = 4, size: int = 48) -> bytes:
    """An animated GIF: a square that wanders over a transparent ground; delays 50, 60, ... ms, played 3 times."""
    stack = np.zeros((frames * size, size, 4), np.uint8)
    for i in range(frames):
        top, left = i * size + 4 * i, 5 * i
        stack[top : top + 16, left : left + 16] = (255, 40 * i, 0, 255)
    strip = image(stack)
    strip.set_type(pyvips.GValue.gint_type, "page-height", size)
    strip.set_type(pyvips.GValue.gint_type, "loop", 3)
    strip.set_type(pyvips.GValue.array_int_type, "delay", [50 + 10 * i for i in range(frames)])
    data: bytes = strip.gifsave_buffer()
    return data


def decoded(data: bytes) -> NDArray[np.uint8]:
    """A file's pixels by libvips, (rows, width, bands)."""
    pixels: NDArray[np.uint8] = pyvips.Image.new_from_buffer(data, "").numpy()
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
