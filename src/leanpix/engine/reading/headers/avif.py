"""AVIF: a HEIF file whose picture AV1 has coded."""

from __future__ import annotations

from leanpix.domain.formats import SourceFormat
from leanpix.engine.facts import Limits, Mended, Probe
from leanpix.engine.reading.headers import heif
from leanpix.engine.reading.headers.heif import exif_block, xmp_packet

__all__ = ["exif_block", "matches", "mended", "read", "xmp_packet"]

_TWO_TABLES = "the AVIF's properties are told in several tables where one is allowed: its pixels are all there"


def matches(source: bytes) -> bool:
    """Whether the bytes begin like an AVIF."""
    return heif.form_of(source) is SourceFormat.AVIF


def read(source: bytes, limits: Limits) -> Probe:
    """The Probe; raises TaskFailure."""
    return heif.read(source, SourceFormat.AVIF, limits)


def mended(source: bytes) -> Mended | None:
    """The file as its decoder takes it; None where nothing of this kind is wrong."""
    sound = heif.with_one_association(source)
    return None if sound is None else Mended(sound, _TWO_TABLES)
