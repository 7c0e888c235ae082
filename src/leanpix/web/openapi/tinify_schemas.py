"""The shapes of what Tinify's clients send and are answered."""

from __future__ import annotations

from leanpix.domain.request import MAX_SIDE_PX
from leanpix.web.compat import Json
from leanpix.web.openapi.decimals import some_integer_or_text
from leanpix.web.openapi.model import reference
from leanpix.web.openapi.schemas import COUNT, TEXT, choice, shape
from leanpix.web.tinify.answers import ERRORS
from leanpix.web.tinify.commands import ANY_TYPE, COLOURS, METHODS, MOST_TYPES, PRESERVED, TYPES
from leanpix.web.wire import LONGEST_URL

# What PHP makes of no commands at all.
_NO_COMMANDS: Json = {"type": "array", "maxItems": 0, "description": "None, as PHP spells an empty object."}
_NULL: Json = {"type": "null"}
COMMANDS: Json = {"anyOf": [reference("TinifyCommands"), _NO_COMMANDS]}
SOURCE: Json = shape(
    {
        "source": shape(
            {"url": {"type": "string", "minLength": 1, "maxLength": LONGEST_URL, "description": "http or https."}},
            "Where the picture is fetched from, up to 30 MB.",
        )
    },
    "A picture by its address.",
)
UPLOADED: Json = reference("TinifyUpload")


def tinify_components() -> dict[str, Json]:
    """The component schemas of these endpoints, by name."""
    return {
        "TinifyCommands": _commands(),
        "TinifyResize": _resize(),
        "TinifyConvert": _convert(),
        "TinifyTransform": _transform(),
        "TinifyStore": _store(),
        "TinifyUpload": _upload(),
        "TinifyOutput": _output(),
        "TinifyError": shape({"error": choice(sorted(ERRORS)), "message": TEXT}, "An error."),
    }


def _commands() -> Json:
    names = ("resize", "convert", "transform", "store")
    commands = {name: _or_nothing(reference(f"Tinify{name.capitalize()}")) for name in names}
    kinds = choice(list(PRESERVED))
    preserve: Json = {
        "anyOf": [kinds, {"type": "array", "items": kinds}, _NULL],
        "description": "What to keep of the source's metadata.",
    }
    source: Json = {"description": "Of no account here; some clients send it again."}
    return {
        **shape({**commands, "preserve": preserve, "source": source}, "What to make of an upload."),
        "required": [],
        "additionalProperties": False,
    }


def _or_nothing(schema: Json) -> Json:
    return {"anyOf": [schema, _NO_COMMANDS, _NULL]}


def _unless_empty(schema: Json, condition: Json) -> Json:
    """An object without any property is no command; any other has to meet this. As conditions, for plain types."""
    return {**schema, "required": [], "if": {"minProperties": 1}, "then": condition}


def _resize() -> Json:
    side: Json = {"anyOf": [*some_integer_or_text(1, MAX_SIDE_PX)["anyOf"], _NULL], "description": "In pixels."}
    properties = {"method": choice(sorted({"scale", *METHODS})), "width": side, "height": side}
    about = (
        "scale: in proportion to the one side that is given. fit: within both sides. cover, thumb: exactly both, and "
        "what is over is cropped. Nothing is enlarged."
    )
    one, both = ({kind: [_given("width"), _given("height")]} for kind in ("oneOf", "allOf"))
    sides: Json = {"if": {"properties": {"method": {"const": "scale"}}}, "then": one, "else": both}
    return _unless_empty(shape(properties, about), {"required": ["method"], **sides})


def _given(name: str) -> Json:
    return {"required": [name], "properties": {name: {"not": _NULL}}}


def _convert() -> Json:
    known = [*TYPES, ANY_TYPE]
    several: Json = {
        "type": "array",
        "items": TEXT,
        "contains": {"enum": known},
        "maxItems": MOST_TYPES,
        "description": "The smallest of these; types that are not written take no part.",
    }
    types = shape({"type": {"anyOf": [choice(known), several]}}, "The result's type.")
    return _unless_empty(types, {"required": ["type"]})


def _transform() -> Json:
    colour: Json = {"type": "string", "pattern": "^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"}
    background = {"anyOf": [choice(sorted(COLOURS)), colour, _NULL], "description": "What shows through transparency."}
    return shape({"background": background}, "A change of the picture.", ["background"])


def _store() -> Json:
    region: Json = {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"}
    key: Json = {"type": "string", "pattern": "^[!-~]{1,256}$"}
    properties: dict[str, Json] = {
        "service": {"type": "string", "const": "s3"},
        "region": region,
        "path": {"type": "string", "description": "bucket/folder/name."},
        "aws_access_key_id": key,
        "aws_secret_access_key": key,
        "endpoint": {"type": ["string", "null"], "description": "One of those that the operator allows."},
        "headers": {"type": "object", "description": "`Cache-Control` is set, others are of no account."},
    }
    stored = shape(properties, "Puts the result into an S3-compatible store.", ["endpoint", "headers"])
    return _unless_empty(stored, {"required": stored["required"]})


def _upload() -> Json:
    source = shape({"size": COUNT, "type": TEXT}, "What was uploaded.")
    properties = {"input": source, "output": reference("TinifyOutput")}
    return shape(properties, "An upload and what it was compressed to.", ["input", "output"])


def _output() -> Json:
    pixels: Json = {"type": "integer", "minimum": 1}
    ratio: Json = {"type": "number", "minimum": 0, "description": "The result's size by the source's."}
    properties = {"size": COUNT, "type": TEXT, "width": pixels, "height": pixels, "ratio": ratio, "url": TEXT}
    return shape(properties, "A result.")
