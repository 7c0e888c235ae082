"""What every process does before its first picture: done once before a fork, no child has to do it again."""

from __future__ import annotations

import io

from PIL import Image

from leanpix.engine.codecs.jpeg.jpegli import jpegli_backend
from leanpix.engine.codecs.jxl import jxl_backend
from leanpix.engine.codecs.webp.libwebp import libwebp_backend
from leanpix.engine.facts import Limits
from leanpix.engine.libraries.malloc_trim import trim_malloc
from leanpix.engine.reading.loaders.heic import heic_library
from leanpix.engine.reading.probe import probe

_UNTIL_SPECIALIZED = 20
"""CPython writes into the code that it runs, for the first dozen runs: pages that a forked process would copy."""


def warm_up() -> None:
    """Load plug-ins, libjxl and libheif, choose JPEG and WebP encoders, read a header.

    No thread is started, no libvips used.
    """
    Image.preinit()
    jpegli_backend()
    libwebp_backend()
    jxl_backend()
    heic_library()
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "JPEG")
    for _ in range(_UNTIL_SPECIALIZED):
        probe(picture.getvalue(), Limits())
    trim_malloc()  # of what the imports took and left: each process that is forked from here has its page tables
