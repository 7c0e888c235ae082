"""What this installation reads and writes."""

from __future__ import annotations

from importlib.util import find_spec

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat, SourceFormat
from leanpix.domain.request import MAX_SET
from leanpix.web.compat import Json
from leanpix.web.context import context_of

_READ = tuple(kind for kind in SourceFormat if kind is not SourceFormat.HEIC or find_spec("pi_heif") is not None)
"""HEIC with the extra alone."""


async def formats(request: Request) -> Response:
    """The formats of sources, and those that a request may name."""
    settings = context_of(request).settings
    return JSONResponse(shown_formats(settings.formats_written, settings.max_upload_bytes, settings.set_max_pictures))


def shown_formats(written: tuple[OutputFormat, ...], max_upload_bytes: int, max_set_pictures: int = MAX_SET) -> Json:
    """The answer of an installation that writes these, and takes uploads and sets up to these bounds."""
    read = [kind.value for kind in _READ]
    bounds = {"max_upload_bytes": max_upload_bytes, "max_set_pictures": max_set_pictures}
    data = {"read": read, "written": [_shown(kind) for kind in written], **bounds}
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
