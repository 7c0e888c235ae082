"""HEIC: a HEIF file whose picture HEVC has coded."""

from __future__ import annotations

from dataclasses import replace

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Probe
from leanpix.engine.reading.headers import heif
from leanpix.engine.reading.headers.heif import exif_block, xmp_packet

__all__ = ["exif_block", "matches", "read", "xmp_packet"]


def matches(source: bytes) -> bool:
    """Whether the bytes begin like a HEIC."""
    return heif.form_of(source) is SourceFormat.HEIC


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe; raises TaskFailure. Upright, for libheif turns what it decodes by itself."""
    return replace(heif.read(source, SourceFormat.HEIC, limits), orientation=1)
