"""One module a format, all of one shape."""

from __future__ import annotations

from leanpix.domain.formats import OutputFormat
from leanpix.engine.codecs.avif import AvifCodec
from leanpix.engine.codecs.base import Codec
from leanpix.engine.codecs.jpeg.codec import JpegCodec
from leanpix.engine.codecs.jxl import JxlCodec
from leanpix.engine.codecs.png.codec import PngCodec
from leanpix.engine.codecs.webp.codec import WebpCodec


def codec_for(output: OutputFormat) -> Codec:
    """The codec that writes this format."""
    codecs: tuple[Codec, ...] = (JpegCodec(), PngCodec(), WebpCodec(), AvifCodec(), JxlCodec())
    return next(codec for codec in codecs if codec.format is output)
