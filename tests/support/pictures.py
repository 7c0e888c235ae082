"""Pictures made on the spot."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def gradient(width: int = 256, height: int = 256) -> Image.Image:
    """A smooth colourful picture."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8))


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The picture as a file of the given kind; JPEG at quality 97 unless told otherwise."""
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 97} if kind == "JPEG" else {}) | options)
    return file.getvalue()


def played(data: bytes) -> tuple[list[NDArray[np.uint8]], list[float]]:
    """Each frame as Pillow composes it, RGBA, and how long it shows, in milliseconds."""
    frames, delays = [], []
    with Image.open(io.BytesIO(data)) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            picture.load()
            frames.append(np.asarray(picture.convert("RGBA")))
            delays.append(picture.info.get("duration", 0.0))
    return frames, delays
