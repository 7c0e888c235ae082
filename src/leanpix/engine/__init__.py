"""The engine: bytes and values in, bytes and a report out. No HTTP, SQL, environment or global state."""

from __future__ import annotations

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Compression, Report
from leanpix.domain.request import CompressionOptions, Fit
from leanpix.engine.budget import Budget
from leanpix.engine.compress import compress
from leanpix.engine.facts import Limits
from leanpix.engine.judging.comparison import score
from leanpix.engine.picture_set import compress_set

__all__ = [
    "Budget",
    "Compression",
    "CompressionOptions",
    "Fit",
    "Limits",
    "OutputFormat",
    "Report",
    "compress",
    "compress_set",
    "score",
]
