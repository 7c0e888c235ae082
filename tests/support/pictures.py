"""Pictures made on the spot."""

from __future__ import annotations

import io

import numpy as np
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
