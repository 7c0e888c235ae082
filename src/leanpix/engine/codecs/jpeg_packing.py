"""A JPEG's whole file packed as JPEG XL, to be had back to the byte: for archives, metadata and all."""

from __future__ import annotations

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import Compression, Report
from leanpix.domain.request import Packing
from leanpix.domain.states import TaskState
from leanpix.engine.codecs.jxl import PACKING_EFFORT
from leanpix.engine.facts import Limits, Probe, damaged
from leanpix.engine.libraries.libjxl import JxlError, LibJxl, libjxl
from leanpix.engine.reading.probe import probe

PACKING_LIMITS = Limits(max_side_px=65_535)
"""No picture is made: what a JPEG can hold is taken, up to the pixels of any source."""

_INKS = 4


def repacked(source: bytes, packing: Packing, facts: Probe | None = None) -> Compression:
    """A JPEG packed, or the very JPEG that was packed.

    Raises TaskFailure: INVALID_IMAGE for what is neither, NOT_MEETING_REQUIREMENTS for a JPEG that cannot be had back.
    """
    facts = facts or probe(source, PACKING_LIMITS)
    library = libjxl()
    if library is None:
        raise TaskFailure(TaskState.FAILED, "JPEG XL is not written on this machine")
    if packing is Packing.PACK:
        data, form, encoder = _packed(source, facts, library), OutputFormat.JXL, "libjxl, JPEG packed"
    else:
        data, form, encoder = _unpacked(source, facts, library), OutputFormat.JPG, "source"
    report = Report(
        source_bytes=len(source),
        source_format=facts.format,
        source_width_px=facts.width_px,
        source_height_px=facts.height_px,
        result_bytes=len(data),
        format=form,
        width_px=facts.width_px,
        height_px=facts.height_px,
        encoder=encoder,
    )
    return Compression(data, report)


def _packed(source: bytes, facts: Probe, library: LibJxl) -> bytes:
    if facts.format is not SourceFormat.JPG:
        raise damaged("it is no JPEG")
    try:
        return library.pack_jpeg(source, effort=PACKING_EFFORT)
    except JxlError as error:
        is_cmyk = facts.bands == _INKS
        why = "it is CMYK" if is_cmyk else "its way of coding, or its damage, is none that JPEG XL can give back"
        raise TaskFailure(TaskState.NOT_MEETING_REQUIREMENTS, f"It cannot be packed: {why}.") from error


def _unpacked(source: bytes, facts: Probe, library: LibJxl) -> bytes:
    if facts.format is not SourceFormat.JXL:
        raise damaged("it is no JPEG XL")
    try:
        return library.unpack_jpeg(source)
    except JxlError as error:
        raise damaged(str(error)) from error
