"""The wire's parameters into a request: every field checked by name, value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from leanpix.domain.batch import MOST_ITEMS
from leanpix.domain.choosing import AUTO, accepted_formats, by_name, one_or_several, parse_formats
from leanpix.domain.errors import InvalidParameterError, SourceCountError
from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat, named
from leanpix.domain.keep import parse_keep
from leanpix.domain.request import (
    KBYTE,
    MAX_KBYTE,
    MAX_QUALITY,
    MAX_SCORE,
    MAX_SET,
    MAX_SIDE_PX,
    MIN_QUALITY,
    CompressionOptions,
    Fit,
    ReturnType,
    too_many_pictures,
)
from leanpix.domain.source_headers import SourceHeaders, parse_source_headers
from leanpix.web.body import (
    FILE_FIELDS,
    FORMATS,
    HEADERS,
    KEEP,
    LINK,
    OPTION_FIELDS,
    TEXT_FIELDS,
    URL_LIST,
    WIDTHS,
    Form,
)

_INTEGER = re.compile(r"[+-]?[0-9]{1,12}", re.ASCII)
_WIDTH = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_IDEMPOTENCY_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", re.ASCII)  # what JSON may spell
_WEB_URL = re.compile(r"https?://[^/?#\s]", re.ASCII | re.IGNORECASE)
LONGEST_URL = 8192  # signed links of object stores carry kilobytes of query
_MOST_IGNORED, _LONGEST_IGNORED, _NEAR = 8, 40, 0.8

_PARAMETERS = sorted(name.replace("_", "") for name in FILE_FIELDS | TEXT_FIELDS | OPTION_FIELDS)

T = TypeVar("T")
Formats = tuple[OutputFormat, ...]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A create request, checked: url is None where the form's file is the source."""

    url: str | None
    options: CompressionOptions
    sync: bool
    return_type: ReturnType
    callback_url: str | None = None
    ignored: tuple[str, ...] = ()
    source_headers: SourceHeaders = ()


def parse_request(
    form: Form, formats: Formats = STANDARD_FORMATS, accept: str = "", most_pictures: int = MAX_SET
) -> WireRequest:
    """Check a form; SourceCountError or InvalidParameterError.

    formats: what the result may be asked to be in. accept: the request's header, which `format=auto` rests on.
    most_pictures: of a set.
    """
    fields = {name: storable(value.strip()) for name, value in form.fields.items() if value.strip()}
    url = _source(fields, form)
    sync = _choice(fields, "sync", {"0": False, "1": True}, default=False)
    returns = _choice(fields, "return_type", {"1": ReturnType.URL, "2": ReturnType.BASE64}, default=ReturnType.URL)
    callback_url, ignored = _url(fields, "callback_url"), misspelt(form.ignored)
    headers = _source_headers(fields, url)
    options = _options(fields, formats, accept)
    if options.widths and options.most_results > most_pictures:
        raise too_many_pictures(options.most_results, most_pictures)
    return WireRequest(url, options, sync, returns, callback_url, ignored, headers)


def misspelt(ignored: Iterable[str]) -> tuple[str, ...]:
    """Those names of ignored fields that are near a parameter's, such as `widht`, `Quality` or `image-url`: a few."""
    found: dict[str, None] = {}
    for name in ignored:
        plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
        if _is_plain(name) and get_close_matches(plain, _PARAMETERS, n=1, cutoff=_NEAR):
            found[name] = None
        if len(found) == _MOST_IGNORED:
            break
    return tuple(found)


def _is_plain(name: str) -> bool:
    return len(name) <= _LONGEST_IGNORED and name.isascii() and name.isprintable()


def _passed_over(form: Form) -> str:
    """What came in place of a source, where one may have been meant: the names of fields that are no parameters."""
    names = [name for name in dict.fromkeys(form.ignored) if name and _is_plain(name)][:_MOST_IGNORED]
    return f"; passed over as no parameter here: {', '.join(names)}" if names else ""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch request, checked: no URLs where the form's archive holds the pictures."""

    urls: tuple[str, ...]
    options: CompressionOptions
    callback_url: str | None = None


def parse_batch(form: Form, formats: Formats = STANDARD_FORMATS, accept: str = "") -> BatchRequest:
    """Check a form; SourceCountError or InvalidParameterError. formats, accept: as of one picture."""
    fields = {name: storable(value.strip()) for name, value in form.fields.items() if value.strip()}
    listed = [url.strip() for url in fields.get(URL_LIST, "").split("\n")]
    urls = tuple(url for url in listed if url)
    if bool(urls) == (form.file is not None):
        found, others = ("both were sent", "") if urls else ("neither was sent", _passed_over(form))
        raise SourceCountError(f"{URL_LIST} and archive: {found}; exactly one of them is required{others}")
    if len(urls) > MOST_ITEMS:
        raise SourceCountError(f"{URL_LIST}: {len(urls)} URLs; a batch takes at most {MOST_ITEMS} pictures")
    for url in urls:
        check_url(URL_LIST, url)
    return BatchRequest(urls, _options(fields, formats, accept), _url(fields, "callback_url"))


def idempotency_key(header: str | None) -> str | None:
    """The header's value, None where it is missing or empty; InvalidParameterError."""
    text = (header or "").strip()
    if text and not _IDEMPOTENCY_KEY.fullmatch(text):
        raise InvalidParameterError("Idempotency-Key", text, "1 to 255 printable ASCII characters")
    return text or None


def _source(fields: dict[str, str], form: Form) -> str | None:
    url = _url(fields, LINK)
    if (url is not None) == (form.file is not None):
        is_twice = url is not None
        found = "both were sent" if is_twice else "neither was sent (an empty file is none)"
        others = "" if is_twice else _passed_over(form)
        raise SourceCountError(f"image_url and image_file: {found}; exactly one of them is required{others}")
    if url is not None and not _WEB_URL.match(url):
        raise InvalidParameterError(LINK, url, "a URL that begins with http:// or https:// and a host")
    return url


def _source_headers(fields: dict[str, str], url: str | None) -> SourceHeaders:
    headers = parse_source_headers(fields.get(HEADERS, "{}"))
    return () if url is None else headers


def _url(fields: dict[str, str], name: str) -> str | None:
    url = fields.get(name)
    if url is not None:
        check_url(name, url)
    return url


def storable(text: str) -> str:
    """The text without zero bytes, which PostgreSQL stores in none: such a URL leads nowhere, as it did before."""
    return text.replace("\0", "\ufffd")


def check_url(name: str, url: str) -> None:
    """InvalidParameterError where the URL is longer than can be kept; whether it may be fetched is told much later."""
    if len(url) > LONGEST_URL or not _is_text(url):
        raise InvalidParameterError(name, url, f"a URL of at most {LONGEST_URL} characters")


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: JSON can spell half a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _options(fields: dict[str, str], formats: Formats, accept: str) -> CompressionOptions:
    asked, alternatives = _format(fields, formats, accept)
    kbyte = _integer(fields, "kbyte", 0, MAX_KBYTE, "0 means not given") or None
    return CompressionOptions(
        format=asked,
        alternatives=alternatives,
        quality=_integer(fields, "quality", MIN_QUALITY, MAX_QUALITY),
        max_bytes=None if kbyte is None else kbyte * KBYTE,
        width_px=_integer(fields, "width", 0, MAX_SIDE_PX, "0 means not given") or None,
        height_px=_integer(fields, "height", 0, MAX_SIDE_PX, "0 means not given") or None,
        fit=_choice(fields, "fit", {fit.value: fit for fit in Fit}, default=Fit.FILL),
        target_score=_score(fields),
        keep=parse_keep(fields.get(KEEP, "")),
        widths=_widths(fields),
    )


def _integer(fields: dict[str, str], name: str, lowest: int, highest: int, note: str = "") -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    allowed = f"an integer from {lowest} to {highest}" + (f"; {note}" if note else "")
    if not _INTEGER.fullmatch(text) or not lowest <= int(text) <= highest:
        raise InvalidParameterError(name, text, allowed)
    return int(text)


def _widths(fields: dict[str, str]) -> tuple[int, ...]:
    """Pixels by commas; how many and how large they may be is the options' to say."""
    text = fields.get(WIDTHS)
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(_WIDTH.fullmatch(part) for part in parts):
        raise InvalidParameterError(WIDTHS, text, f"by commas, as 400,800,1600: integers from 1 to {MAX_SIDE_PX}")
    return tuple(dict.fromkeys(int(part) for part in parts))


def _format(fields: dict[str, str], formats: Formats, accept: str) -> tuple[OutputFormat | None, Formats]:
    """A format, or those of which the smallest is taken; neither where nothing was asked for."""
    text, listed = fields.get("format", "").lower(), fields.get(FORMATS)
    if listed is not None:
        if text not in {"", AUTO}:
            raise InvalidParameterError(FORMATS, listed, "format or formats, not both")
        return one_or_several(parse_formats(listed, formats))
    if text == AUTO:
        return one_or_several(accepted_formats(accept, formats))
    if not text:
        return None, ()
    known = by_name(formats)
    if text not in known:
        raise InvalidParameterError("format", fields["format"], f"{AUTO}, {named(formats)}")
    return known[text], ()


def _score(fields: dict[str, str]) -> float | None:
    text = fields.get("target_score")
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise InvalidParameterError("target_score", text, f"a number above 0 and up to {MAX_SCORE}")
    return float(text)


def _choice(fields: dict[str, str], name: str, choices: dict[str, T], default: T) -> T:
    text = fields.get(name)
    if text is None:
        return default
    if text not in choices:
        raise InvalidParameterError(name, text, " or ".join(choices))
    return choices[text]
