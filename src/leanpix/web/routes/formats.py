"""What this installation reads and writes."""

from __future__ import annotations

from importlib.util import find_spec

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat, SourceFormat
from leanpix.web.compat import Json
from leanpix.web.context import context_of

_READ = tuple(kind for kind in SourceFormat if kind is not SourceFormat.HEIC or find_spec("pi_heif") is not None)
"""HEIC with the extra alone."""


async def formats(request: Request) -> Response:
    """The formats of sources, and those that a request may name."""
    settings = context_of(request).settings
    return JSONResponse(shown_formats(settings.formats_written, settings.max_upload_bytes))


def shown_formats(written: tuple[OutputFormat, ...], max_upload_bytes: int) -> Json:
    """The answer of an installation that writes these, and takes uploads of so many bytes."""
    read = [kind.value for kind in _READ]
    data = {"read": read, "written": [_shown(kind) for kind in written], "max_upload_bytes": max_upload_bytes}
    return {"status": 200, "message": "success", "data": data}


def _shown(kind: OutputFormat) -> Json:
    return {
        "format": kind.value,
        "media_type": kind.media_type,
        "alpha": kind.facts.has_alpha,
        "animation": kind.facts.is_animated,
        "kbyte": kind.facts.has_target_size,
        "on_request_only": kind not in STANDARD_FORMATS,
    }
