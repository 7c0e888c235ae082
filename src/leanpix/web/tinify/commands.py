"""Commands on an uploaded picture: resize, convert, transform, preserve."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leanpix.domain.errors import BodyError, InvalidParameterError
from leanpix.domain.export_target import ExportTarget
from leanpix.domain.formats import EXTRA_FORMATS, OutputFormat
from leanpix.domain.keep import Keep, beside_default
from leanpix.domain.request import MAX_SIDE_PX, CompressionOptions, Crop, Fit
from leanpix.web.tinify.storing import parse_export_target

METHODS = {
    "fit": (Fit.INSIDE, Crop.CENTRE),
    "cover": (Fit.COVER, Crop.ATTENTION),
    "thumb": (Fit.COVER, Crop.OBJECT),
}
_ANY = (OutputFormat.WEBP, OutputFormat.JPG, OutputFormat.PNG)
TYPES = {one.media_type: one for one in (*_ANY, *EXTRA_FORMATS)}
ANY_TYPE = "*/*"
COLOURS = {"white": "ffffff", "black": "000000"}
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", re.ASCII)
PRESERVED = {"copyright": Keep.COPYRIGHT, "creation": Keep.DATE, "location": Keep.GPS}
KNOWN = frozenset({"source", "resize", "convert", "transform", "preserve", "store"})
MOST_TYPES = 16

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Commands:
    """What to make of the uploaded picture: options None where the result at hand will do. target: where to put it."""

    options: CompressionOptions | None
    target: ExportTarget | None = None


def parse_commands(body: Fields, written: Sequence[OutputFormat] = tuple(OutputFormat)) -> Commands:
    """Check a request's commands; InvalidParameterError or BodyError, naming the command. written: what may be made."""
    unknown = sorted(body.keys() - KNOWN)
    if unknown:
        raise InvalidParameterError("command", unknown[0], "resize, convert, transform, preserve or store")
    target = parse_export_target(_fields(body, "store"))
    resize, convert = _fields(body, "resize"), _fields(body, "convert")
    preserved = _preserved(body.get("preserve"))
    background = _background(_fields(body, "transform"))
    if not (resize or convert or preserved or background):
        return Commands(None, target)
    types = _types(convert, written)
    method, width_px, height_px = _size(resize)
    fit, crop = METHODS.get(method, (Fit.FILL, Crop.CENTRE))
    return Commands(
        CompressionOptions(
            format=types[0] if len(types) == 1 else None,
            alternatives=types if len(types) > 1 else (),
            width_px=width_px,
            height_px=height_px,
            fit=fit,
            crop=crop,
            enlarge=False,
            background=background,
            keep=beside_default(preserved),
        ),
        target,
    )


def source_url(body: Fields) -> str:
    """The address of a picture to fetch; BodyError where there is none."""
    source = body.get("source")
    url = source.get("url") if isinstance(source, dict) else None
    if not isinstance(url, str) or not url:
        raise BodyError('the JSON body has no source: {"source": {"url": "https://..."}}')
    return url


def _fields(body: Fields, name: str) -> Fields:
    value = body.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise InvalidParameterError(name, value, "a JSON object")
    return value


def _size(resize: Fields) -> tuple[str, int | None, int | None]:
    if not resize:
        return "", None, None
    width_px, height_px = _side(resize, "width"), _side(resize, "height")
    if width_px is None and height_px is None and resize.get("method") is None:
        return "", None, None
    # Without a method one side alone has one meaning; both have three.
    method = resize.get("method") or ("scale" if width_px is None or height_px is None else None)
    if method == "scale":
        if (width_px is None) == (height_px is None):
            raise InvalidParameterError("resize.method", method, "scale takes a width or a height, not both")
    elif not isinstance(method, str) or method not in METHODS:
        raise InvalidParameterError("resize.method", method, "scale, fit, cover or thumb")
    elif width_px is None or height_px is None:
        raise InvalidParameterError("resize.method", method, "this method takes a width and a height")
    return method, width_px, height_px


def _side(resize: Fields, name: str) -> int | None:
    value = resize.get(name)
    if value is None or value == "" or (value == 0 and not isinstance(value, bool)) or value == "0":
        return None  # plugins send 0 for a side that is left open
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MAX_SIDE_PX)):
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # JSON may spell 5 as 5.0
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SIDE_PX:
        raise InvalidParameterError(f"resize.{name}", value, f"an integer from 1 to {MAX_SIDE_PX}")
    return value


def _types(convert: Fields, written: Sequence[OutputFormat]) -> tuple[OutputFormat, ...]:
    """The formats asked for that this service writes, each once; those that it does not write take no part."""
    if not convert:
        return ()
    asked = convert.get("type")
    names = asked if isinstance(asked, list) and len(asked) <= MOST_TYPES else [asked]
    texts = [name.lower() if isinstance(name, str) else "" for name in names]
    known = {text: kind for text, kind in TYPES.items() if kind in written}
    found = _ANY if ANY_TYPE in texts else tuple(dict.fromkeys(known[text] for text in texts if text in known))
    if not found or "" in texts:
        raise InvalidParameterError("convert.type", asked, f"{', '.join(known)}, a list of them, or {ANY_TYPE}")
    return found


def _background(transform: Fields) -> str | None:
    value = transform.get("background")
    if value is None:
        return None
    if isinstance(value, str) and value.lower() in COLOURS:
        return COLOURS[value.lower()]
    found = _HEX.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidParameterError("transform.background", value, "white, black or a hex colour such as #ff8000")
    digits = found[1].lower()
    return digits if len(digits) > len("fff") else "".join(2 * digit for digit in digits)


def _preserved(value: object) -> tuple[Keep, ...]:
    names = value if isinstance(value, list) else [] if value is None else [value]
    wrong = [name for name in names if not isinstance(name, str) or name not in PRESERVED]
    if wrong:
        raise InvalidParameterError("preserve", wrong[0], ", ".join(PRESERVED))
    return tuple(kind for name, kind in PRESERVED.items() if name in names)
