"""What the engine of this installation is made of."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

import pyvips
import rawpy

from leanpix.domain.formats import STANDARD_FORMATS, SourceFormat
from leanpix.engine.codecs import EXTRAS
from leanpix.engine.codecs.jpeg.jpegli import jpegli_backend
from leanpix.engine.codecs.png.strips import strips_backend
from leanpix.engine.codecs.webp.libwebp import libwebp_backend
from leanpix.engine.libraries.native import native_path
from leanpix.engine.reading.loaders.heic import heic_backend
from leanpix.worker.engine_version import wheel_versions


def inventory() -> Mapping[str, str]:
    """Names and versions of codecs, formats, and which of two ways is taken where there are two."""
    extras = {kind: extra.backend() for kind, extra in EXTRAS.items()}
    libvips = ".".join(str(pyvips.version(part)) for part in range(3))
    libraw = ".".join(map(str, rawpy.libraw_version))
    return {
        "leanpix": version("leanpix"),
        "libvips": libvips,
        "LibRaw": libraw,
        **wheel_versions(),
        "native kernels": native_path(),
        "JPEG encoder": jpegli_backend(),
        "WebP encoder": libwebp_backend(),
        "PNG packer by strips": strips_backend(),
        **{f"{extra.name} encoder": extras[kind] for kind, extra in EXTRAS.items()},
        "HEIC reader": heic_backend(),
        "formats read": ", ".join(
            kind for kind in SourceFormat if kind is not SourceFormat.HEIC or not heic_backend().startswith("none")
        ),
        "formats written": ", ".join(STANDARD_FORMATS),
        "formats written where named": ", ".join(kind for kind, how in extras.items() if not how.startswith("none")),
    }
