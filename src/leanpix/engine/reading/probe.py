"""What a source is, told by its bytes and its header alone: no pixel is decoded here."""

from __future__ import annotations

from types import ModuleType

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Mended, Probe, damaged
from leanpix.engine.reading.headers import avif, bmp, gif, heic, jpeg, jxl, png, raw, sgi, tiff, webp
from leanpix.engine.reading.strangers import told

__all__ = ["Probe", "exif_block", "mended", "probe", "sniff"]

_HEADERS: dict[SourceFormat, ModuleType] = {
    SourceFormat.JPG: jpeg,
    SourceFormat.PNG: png,
    SourceFormat.WEBP: webp,
    SourceFormat.AVIF: avif,
    SourceFormat.JXL: jxl,
    SourceFormat.HEIC: heic,
    SourceFormat.GIF: gif,
    SourceFormat.RAW: raw,  # before TIFF: most raw files are TIFF files as well
    SourceFormat.TIFF: tiff,
    SourceFormat.BMP: bmp,
    SourceFormat.SGI: sgi,
}


def sniff(source: bytes) -> SourceFormat | None:
    """The format of a source, judged by its bytes; None for everything that is not accepted."""
    return next((form for form, header in _HEADERS.items() if header.matches(source)), None)


def exif_block(source: bytes, form: SourceFormat) -> bytes:
    """The EXIF block of a source of this format, a TIFF structure; empty where there is none."""
    if form in {SourceFormat.TIFF, SourceFormat.RAW}:
        return source  # such a file is one itself
    header = _HEADERS[form]
    return header.exif_block(source) if header in {jpeg, png, webp, avif, heic, jxl} else b""


def mended(source: bytes, form: SourceFormat) -> Mended | None:
    """A source that no decoder takes, in sound bytes, where its damage costs no pixel; None where it does."""
    header = _HEADERS[form]
    return header.mended(source) if header in {jpeg, png, avif} else None


def probe(source: bytes, limits: Limits) -> Probe:
    """Read a source's header.

    Raises TaskFailure: INVALID_IMAGE for what is no accepted picture or is damaged so that its header shows it,
    NOT_MEETING_REQUIREMENTS for one over the limits.
    """
    form = sniff(source)
    if form is None:
        raise damaged(told(source))
    found: Probe = _HEADERS[form].read(source, limits)
    return found
