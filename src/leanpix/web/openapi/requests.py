"""What a create takes, form by form."""

from __future__ import annotations

from collections.abc import Mapping

from leanpix.domain.batch import MOST_ITEMS
from leanpix.domain.choosing import AUTO
from leanpix.domain.formats import OutputFormat
from leanpix.domain.keep import KEEP_WORDS
from leanpix.domain.request import (
    MAX_KBYTE,
    MAX_QUALITY,
    MAX_SCORE,
    MAX_SET,
    MAX_SIDE_PX,
    MAX_WIDTHS,
    MIN_QUALITY,
    Fit,
    ReturnType,
)
from leanpix.domain.source_headers import NAMES, VALUE
from leanpix.web.body import ARCHIVE, FILE_FIELDS, FORMATS, HEADERS, URL_LIST, WIDTHS
from leanpix.web.compat import Json
from leanpix.web.openapi.decimals import integer_or_text
from leanpix.web.openapi.model import BYTES, JSON, ZIP, Content
from leanpix.web.openapi.schemas import BINARY, SOME_TEXT
from leanpix.web.wire import LONGEST_URL

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_BASE64 = "^(?:(?:data:[^,]*,)?(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4}))?$"
_OF_ONE_PICTURE = frozenset({"sync", "return_type", HEADERS, WIDTHS})
_NONE: Json = {"enum": [None, ""]}
_PNG: Json = {"const": OutputFormat.PNG.value}
_LINK = "https://shop.example/catalogue/chair.jpg"
# What every installation takes; LEANPIX_FETCH_PORTS may open more.
_HOST = "(?:[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20})?\\.){1,3}[A-Za-z]{2,20}"
_CALLBACK = f"^(?:https?://{_HOST}(?:[/?#][^\\x00-\\x20\\x7f\\\\]*)?)?$"
_IMAGE_URL = (
    "^(?:\\s*[hH][tT][tT][pP][sS]?://[^/?#\\s][\\s\\S]*|\\s*|"
    "data:[ -+\\--~]{0,200},(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4}))$"
)
_HEADERS_AS_TEXT = f'^(?:\\{{"(?:{"|".join(NAMES.values())})": "[!#-\\[\\]-~]{{1,200}}"\\}})?$'
_FORMAT = f"(?:{'|'.join(kind.value for kind in OutputFormat)})"
_WIDTH = "(?:[1-7][0-9]{0,3}|[89][0-9]{0,2})"
_KEEP = f"(?:{'|'.join(KEEP_WORDS)})"
_SMALLEST_GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def create_bodies() -> Mapping[str, Content]:
    """Each media type's schema and examples."""
    url = {"image_url": _image_url()}
    file = {"image_file": file_part("The picture, up to 20 MB."), "file": file_part("The same as image_file.")}
    text = {"image_base64": _base64()}
    by_url = {"image_url": _LINK, "kbyte": 100}
    return {
        MULTIPART: Content(_body(file | url), {"a link, to 100 KB": by_url}),
        FORM: Content(_body(url | text), {"a link, to 100 KB": by_url}),
        JSON: Content(
            _nullable(_body(url | text)),
            {
                "a link, to 100 KB": by_url,
                "a link, waited for": {"image_url": _LINK, "sync": 1, "quality": 80, "format": "webp", "width": 1200},
                "a picture in base64": {"image_base64": _SMALLEST_GIF, "return_type": 2},
            },
        ),
    }


def batch_bodies() -> Mapping[str, Content]:
    """What a batch takes: an archive or links as a form, or links as JSON."""
    url: Json = {"type": "string", "pattern": SOME_TEXT, "maxLength": LONGEST_URL}
    urls: Json = {"type": "array", "items": url, "minItems": 1, "maxItems": MOST_ITEMS, "description": "The pictures."}
    options = {name: schema for name, schema in _options().items() if name not in _OF_ONE_PICTURE}
    nullable = {name: _or_null(schema) for name, schema in options.items()}
    links: Json = {
        "type": "object",
        "properties": {URL_LIST: urls, **nullable},
        "required": [URL_LIST],
        "allOf": _excluded(),
    }
    lines: Json = {"type": "string", "description": "Links to the pictures, one a line."}
    archive = file_part("A ZIP of pictures; a part named `file` is understood too.", ZIP)
    form: Json = {
        "type": "object",
        "properties": {ARCHIVE: archive, URL_LIST: lines, **options},
        "oneOf": [_given(ARCHIVE), _given(URL_LIST)],
        "allOf": _excluded(),
    }
    return {
        MULTIPART: Content(form, {"two links": {URL_LIST: f"{_LINK}\n{_LINK}", "quality": 80}}, {ARCHIVE: ZIP}),
        JSON: Content(links, {"two links": {URL_LIST: [_LINK, _LINK], "quality": 80}}),
    }


def _body(sources: Mapping[str, Json]) -> Json:
    """Exactly one source, and options of which two exclude each other; an empty text or file is none."""
    return {
        "type": "object",
        "properties": {**sources, **_options()},
        "oneOf": [_given(name) for name in sources],
        "allOf": [*_excluded(), {"not": _set_with_sides()}],
    }


def _excluded() -> list[Json]:
    """What no request may hold together."""
    named: Json = {"not": {"enum": [*_NONE["enum"], AUTO]}}
    both: Json = {"required": ["format", FORMATS], "properties": {"format": named, FORMATS: {"not": _NONE}}}
    return [
        {"not": _with_size("quality", {"not": _NONE})},
        {"not": _with_size("format", _PNG)},
        {"not": both},
    ]


def _set_with_sides() -> Json:
    """A set's widths with a width or a height."""
    widths: Json = {"required": [WIDTHS], "properties": {WIDTHS: {"not": _NONE}}}
    return {**widths, "anyOf": [_sided("width"), _sided("height")]}


def _sided(name: str) -> Json:
    return {"required": [name], "properties": {name: {"not": {"enum": [*_NONE["enum"], 0, "0"]}}}}


def _given(name: str) -> Json:
    some: Json = {"minLength": 1} if name in FILE_FIELDS | {ARCHIVE} else {"pattern": SOME_TEXT}
    return {"required": [name], "properties": {name: {"type": "string", **some}}}


def _with_size(name: str, schema: Json) -> Json:
    """An object with such a property, and a target size with it."""
    size = {"not": {"enum": [*_NONE["enum"], 0, "0"]}}
    return {"required": [name, "kbyte"], "properties": {name: schema, "kbyte": size}}


def _nullable(body: Json) -> Json:
    """In JSON null is as good as an empty text."""
    properties = {name: _or_null(schema) for name, schema in body["properties"].items()}
    return {**body, "properties": properties}


def _or_null(schema: Json) -> Json:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    allowed = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **allowed}


def _options() -> dict[str, Json]:
    side = integer_or_text(0, MAX_SIDE_PX)
    width: Json = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE_PX}
    score = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SCORE}
    return {
        "sync": _told(integer_or_text(0, 1), "0: answer with a task_id at once; 1: wait for the end.", 0),
        "return_type": _told(integer_or_text(1, len(ReturnType)), "1: a link to the result; 2: base64.", 1),
        "format": _told(
            _words([*(value.value for value in OutputFormat), "jpeg", AUTO]),
            "The result's format; default: the source's own, else the one that suits the picture. An installation "
            "may have turned all but jpg, png and webp off: `GET /v1/formats`. auto: the smallest of those that Accept "
            "names, of those three where it names none.",
        ),
        "formats": _told(
            {"type": "string", "pattern": f"^(?:{_FORMAT}(?:,{_FORMAT})*)?$"},
            "Formats by commas, of which the smallest that meets the goal is made; in place of format, or with auto. "
            "Not in the hosted API.",
        ),
        "widths": _told(
            {"anyOf": [{"type": "string", "pattern": f"^(?:{_WIDTH}(?:,{_WIDTH}){{0,2}})?$"}, width]},
            f"Several widths by commas, up to {MAX_WIDTHS}, each in every one of the formats: a set, one ZIP with "
            f"data.images beside it, of at most {MAX_SET} pictures. Not together with width and height. Not in the "
            "hosted API.",
        ),
        "quality": _told(integer_or_text(MIN_QUALITY, MAX_QUALITY), "Not together with kbyte; default: automatic."),
        "kbyte": _told(
            integer_or_text(0, MAX_KBYTE), "The result's largest size in KB of 1024 bytes, not for png; 0: not given."
        ),
        "width": _told(side, "The result's width in pixels; 0: not given."),
        "height": _told(side, "The result's height in pixels; 0: not given."),
        "callback_url": _told(
            {"type": "string", "pattern": _CALLBACK, "maxLength": LONGEST_URL},
            "Where the task's end is told. Ports and literal addresses beyond the pattern are up to the installation.",
        ),
        HEADERS: _told(
            {"anyOf": [_headers(), {"type": "string", "pattern": _HEADERS_AS_TEXT}]},
            "Fields for the request for image_url, in a form as JSON. Not in the hosted API.",
        ),
        "fit": _told(_words([fit.value for fit in Fit]), "What both sides mean; default: fill. Not in the hosted API."),
        "target_score": _told(
            {"anyOf": [score, {"type": "string", "const": ""}]},
            "The SSIMULACRA2 score that automatic quality reaches. Not in the hosted API.",
        ),
        "keep": _told(
            {"type": "string", "pattern": f"^(?:{_KEEP}(?:,{_KEEP})*)?$"},
            "What of the source's metadata, profile and gain map stays, by commas. Each word adds to the default: "
            "profile and gainmap; none takes those away. Not in the hosted API.",
        ),
    }


def _told(schema: Json, description: str, default: object = None) -> Json:
    known = {**schema, "description": description}
    return known if default is None else {**known, "default": default}


def _words(values: list[str]) -> Json:
    """One of the words; an empty text counts as not given."""
    return {"type": "string", "enum": [*values, ""]}


def _headers() -> Json:
    value: Json = {"type": "string", "pattern": f"^{VALUE}$"}
    return {"type": "object", "properties": dict.fromkeys(NAMES.values(), value), "additionalProperties": False}


def _image_url() -> Json:
    text = "Where the picture is fetched from, up to 30 MB; http or https. A data URI is taken as the picture itself."
    return {"type": "string", "pattern": _IMAGE_URL, "maxLength": LONGEST_URL, "description": text}


def file_part(description: str, kind: str = BYTES) -> Json:
    """A file of a multipart form."""
    return {**BINARY, "contentMediaType": kind, "description": description}


def _base64() -> Json:
    text = "The picture's bytes in base64, as a data URI or bare."
    return {"type": "string", "pattern": _BASE64, "description": text}
