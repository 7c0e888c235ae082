"""One module a format, all of one shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanpix.domain.formats import OutputFormat
from leanpix.engine.codecs.avif import AvifCodec, avif_backend, decoded_avif
from leanpix.engine.codecs.base import Codec
from leanpix.engine.codecs.jpeg.codec import JpegCodec
from leanpix.engine.codecs.jxl import JxlCodec, decoded_jxl, jxl_backend
from leanpix.engine.codecs.png.codec import PngCodec
from leanpix.engine.codecs.webp.codec import WebpCodec


@dataclass(frozen=True, slots=True)
class ExtraFormat:
    """What a format needs that is written only where it is named: no other decoder here reads it.

    name: for people. backend: who writes it, or `none: ` and why it is not written here. decoded: what its codec made,
    as (height, width, bands) pixels.
    """

    name: str
    backend: Callable[[], str]
    decoded: Callable[[bytes], NDArray[np.uint8]]


EXTRAS = {
    OutputFormat.AVIF: ExtraFormat("AVIF", avif_backend, decoded_avif),
    OutputFormat.JXL: ExtraFormat("JPEG XL", jxl_backend, decoded_jxl),
}


def codec_for(output: OutputFormat) -> Codec:
    """The codec that writes this format."""
    codecs: tuple[Codec, ...] = (JpegCodec(), PngCodec(), WebpCodec(), AvifCodec(), JxlCodec())
    return next(codec for codec in codecs if codec.format is output)
