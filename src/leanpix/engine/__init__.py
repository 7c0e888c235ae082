"""The engine: bytes and values in, bytes and a report out. No HTTP, SQL, environment or global state."""

from __future__ import annotations

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Compression, Report
from leanpix.domain.request import CompressionOptions, Fit
from leanpix.engine.budget import Budget
from leanpix.engine.compress import compress
from leanpix.engine.limits import Limits

__all__ = ["Budget", "Compression", "CompressionOptions", "Fit", "Limits", "OutputFormat", "Report", "compress"]
