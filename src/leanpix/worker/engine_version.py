"""Which engine this is, told without loading it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

_WHEELS = ("pyvips-binary", "pyjpegli", "mozjpeg-lossless-optimization", "pyoxipng-ng", "pillow", "rawpy", "numpy")
_SOME_HAVE = ("pylibjxl", "imagecodecs", "pi-heif")
"""Wheels of some machines, and of extras."""


def wheel_versions() -> Mapping[str, str]:
    """The wheels that codecs come from."""
    found = {wheel: version(wheel) for wheel in _WHEELS}
    for wheel in _SOME_HAVE:
        with suppress(PackageNotFoundError):
            found[wheel] = version(wheel)
    return found


def engine_version(target_score: float) -> str:
    """A short text that changes whenever the same source and options may give another result."""
    parts = {"leanpix": version("leanpix"), **wheel_versions(), "target_score": target_score}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
