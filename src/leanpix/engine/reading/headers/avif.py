"""AVIF: a HEIF file whose picture AV1 has coded."""

from __future__ import annotations

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe
from leanpix.engine.reading.headers import heif
from leanpix.engine.reading.headers.heif import exif_block, xmp_packet

__all__ = ["exif_block", "matches", "read", "xmp_packet"]


def matches(source: bytes) -> bool:
    """Whether the bytes begin like an AVIF."""
    return heif.form_of(source) is SourceFormat.AVIF


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe; raises TaskFailure."""
    return heif.read(source, SourceFormat.AVIF, limits)
