"""Which format a result is in where none is named, or where several are and the smallest is taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat, named

AUTO = "auto"
_MOST_ACCEPT = 2048
_ZERO = re.compile(r"0(\.0{0,3})?", re.ASCII)

Formats = tuple[OutputFormat, ...]


def recommended(
    *, is_animated: bool, is_transparent: bool, is_drawn: bool, has_target_size: bool = False
) -> OutputFormat:
    """The standard format that shows all of a picture in the fewest bytes as a rule.

    Animation or transparency: WebP; few colours or line art: PNG, or WebP where a size is to be met, which PNG could
    only meet by smaller sides; otherwise JPEG.
    """
    if is_animated or is_transparent or (is_drawn and has_target_size):
        return OutputFormat.WEBP
    return OutputFormat.PNG if is_drawn else OutputFormat.JPG


def parse_formats(text: str, written: Formats) -> Formats:
    """Names by commas, each once, in their order; InvalidParameterError for one that is not written."""
    known = by_name(written)
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None or not names:
        raise InvalidParameterError("formats", text if wrong is None else wrong, f"by commas: {named(written)}")
    return tuple(dict.fromkeys(known[name] for name in names))


def by_name(written: Formats) -> Mapping[str, OutputFormat]:
    """Each by all the names that it goes by, in small letters."""
    return {kind.value: kind for kind in written} | {"jpeg": OutputFormat.JPG}


def accepted_formats(accept: str, written: Formats) -> Formats:
    """What a client that sends this Accept shows: those it names, and the standard ones where it takes any picture.

    The standard ones too where it names no picture at all, as clients of an API do.
    """
    taken, refused = set[str](), set[str]()
    for part in accept[:_MOST_ACCEPT].split(","):
        kind, *settings = (piece.strip().lower() for piece in part.split(";"))
        weights = [setting.removeprefix("q=") for setting in settings if setting.startswith("q=")]
        (refused if any(_ZERO.fullmatch(weight) for weight in weights) else taken).add(kind)
    named_ones = {kind for kind in written if kind.media_type in taken}
    takes_any = not named_ones or bool({"*/*", "image/*"} & taken)
    allowed = named_ones | (set(STANDARD_FORMATS) if takes_any else set())
    return tuple(kind for kind in written if kind in allowed and kind.media_type not in refused) or STANDARD_FORMATS


def one_or_several(formats: Sequence[OutputFormat]) -> tuple[OutputFormat | None, Formats]:
    """A format, or those of which the smallest is taken."""
    return (formats[0], ()) if len(formats) == 1 else (None, tuple(formats))
