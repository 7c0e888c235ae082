"""What of a source's content beside plain pixels a result keeps: the kinds that can be asked for by name."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from leanpix.domain.errors import InvalidParameterError


class Keep(StrEnum):
    """A kind that can be kept. The names are those of the report's `lost`, where a kind is in both.

    COPYRIGHT, DATE, GPS and CAMERA are fields of their kind, wherever they stand; EXIF, XMP and IPTC all of that
    container; RESOLUTION the dots per inch; COMMENT a JPEG's comments and the other texts of a PNG; PROFILE the ICC
    profile where colours need one; GAIN_MAP what makes an SDR picture HDR. C2PA are content credentials, which hold for
    the very bytes of a file only.
    """

    COPYRIGHT = "copyright"
    DATE = "date"
    GPS = "gps"
    CAMERA = "camera"
    EXIF = "exif"
    XMP = "xmp"
    IPTC = "iptc"
    RESOLUTION = "resolution"
    COMMENT = "comment"
    C2PA = "c2pa"
    PROFILE = "profile"
    GAIN_MAP = "gainmap"


KEPT_BY_DEFAULT = (Keep.PROFILE, Keep.GAIN_MAP)
"""What colour and HDR need (docs/decisions/0185)."""

ALL, NONE = "all", "none"
KEEP_WORDS = (*(kind.value for kind in Keep), ALL, NONE)
FIELDS = frozenset({Keep.COPYRIGHT, Keep.DATE, Keep.GPS, Keep.CAMERA})
_SEPARATOR, _ORDER = ",", tuple(Keep)


def in_order(kinds: Iterable[Keep]) -> tuple[Keep, ...]:
    """Each once, in the order of the kinds."""
    found = frozenset(kinds)
    return tuple(kind for kind in _ORDER if kind in found)


def beside_default(kinds: Iterable[Keep]) -> tuple[Keep, ...]:
    """These, and what is kept by default."""
    return in_order((*KEPT_BY_DEFAULT, *kinds))


def parse_keep(text: str) -> tuple[Keep, ...]:
    """Words by commas: each is kept beside what is kept by default; `none` takes the default away, `all` is all.

    An empty text is the default. InvalidParameterError for any other word.
    """
    words = [word.strip() for word in text.split(_SEPARATOR)]
    wrong = next((word for word in words if word and word not in KEEP_WORDS), None)
    if wrong is not None:
        raise InvalidParameterError("keep", wrong, f"by commas: {', '.join(KEEP_WORDS)}")
    if ALL in words:
        return tuple(Keep)
    named = [Keep(word) for word in words if word and word != NONE]
    return in_order(named) if NONE in words else beside_default(named)
