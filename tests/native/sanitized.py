"""A pytest plugin: the engine loads the kernels from a library with the sanitizers in it (fuzz.py)."""

from __future__ import annotations

import os
from pathlib import Path

from leanpix.engine.libraries import native

native.LIBRARY = Path(os.environ["SANITIZED_LIBRARY"])
