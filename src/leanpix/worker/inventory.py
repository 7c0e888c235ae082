"""What the engine of this installation is made of."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

import pyvips
import rawpy

from leanpix.domain.formats import EXTRA_FORMATS, STANDARD_FORMATS, SourceFormat
from leanpix.engine.codecs.avif import avif_backend
from leanpix.engine.codecs.jpegli import jpegli_backend
from leanpix.engine.codecs.jxl import jxl_backend
from leanpix.engine.codecs.libwebp import libwebp_backend
from leanpix.engine.native import native_path
from leanpix.worker.engine_version import wheel_versions


def inventory() -> Mapping[str, str]:
    """Names and versions of codecs, formats, and which of two ways is taken where there are two."""
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
        "AVIF encoder": avif_backend(),
        "JPEG XL encoder": jxl_backend(),
        "formats read": ", ".join(SourceFormat),
        "formats written": ", ".join(STANDARD_FORMATS),
        "formats written where named": f"{', '.join(EXTRA_FORMATS)} (through the API by LEANPIX_EXTRA_FORMATS)",
    }
