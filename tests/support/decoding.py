"""A source through probe and load, as the tests look at it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.facts import Limits
from leanpix.engine.reading.decode import load
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.probe import probe


def loaded(
    source: bytes,
    options: CompressionOptions | None = None,
    target: OutputFormat = OutputFormat.PNG,
    limits: Limits | None = None,
) -> Picture:
    """The source decoded for the target."""
    limits = limits or Limits()
    facts = probe(source, limits)
    return load(source, facts, options or CompressionOptions(), facts.format.kept_in(target), limits)


def pixels_of(picture: Picture) -> NDArray[np.int16]:
    """(rows, columns, bands), signed so that differences are."""
    image = picture.image
    shape = (image.height, image.width, image.bands)
    return np.asarray(image.numpy(), np.int16).reshape(shape)


def rgba_of(picture: Picture) -> NDArray[np.int16]:
    """The same with four bands, whatever the picture has."""
    pixels = pixels_of(picture)
    alpha = pixels[..., -1:] if picture.has_alpha else np.full((*pixels.shape[:2], 1), 255, np.int16)
    colour = pixels[..., :-1] if picture.has_alpha else pixels
    return np.concatenate([np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour, alpha], axis=2)
