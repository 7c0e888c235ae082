"""What every process does before its first picture: done once before a fork, no child has to do it again."""

from __future__ import annotations

from PIL import Image

from leanpix.engine.codecs.jpegli import jpegli_backend
from leanpix.engine.codecs.libwebp import libwebp_backend


def warm_up() -> None:
    """Load Pillow's plug-ins and choose the JPEG and WebP encoders. Starts no thread and leaves libvips unused."""
    Image.preinit()
    jpegli_backend()
    libwebp_backend()
