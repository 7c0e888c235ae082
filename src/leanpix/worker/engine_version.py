"""Which engine this is, told without loading it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

_WHEELS = ("pyvips-binary", "pyjpegli", "mozjpeg-lossless-optimization", "pyoxipng-ng", "pillow", "rawpy", "numpy")
_JXL_WHEEL = "imagecodecs"


def wheel_versions() -> Mapping[str, str]:
    """The wheels that codecs come from."""
    return {**{wheel: version(wheel) for wheel in _WHEELS}, **_extras()}


def _extras() -> Mapping[str, str]:
    """The same of extras, where they are installed."""
    try:
        return {_JXL_WHEEL: version(_JXL_WHEEL)}
    except PackageNotFoundError:
        return {}


def engine_version(target_score: float) -> str:
    """A short text that changes whenever the same source and options may give another result."""
    parts = {"leanpix": version("leanpix"), **wheel_versions(), "target_score": target_score}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
