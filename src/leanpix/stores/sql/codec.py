"""Options and reports as JSON text, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.holding import Holding
from leanpix.domain.keep import KEPT_BY_DEFAULT, Keep, beside_default, in_order
from leanpix.domain.report import Advice, Considered, Placeholder, Report, SetImage
from leanpix.domain.request import CompressionOptions, Crop, Fit, Packing
from leanpix.domain.worst_place import WorstPlace


def options_to_json(options: CompressionOptions, ignored: Sequence[str] = ()) -> str:
    """Only what was given is written, so that older and newer processes read each other's rows.

    ignored: the names of a request's fields that were taken for misspelt options; they lie beside the options.
    """
    return json.dumps(options.given() | ({"ignored": list(ignored)} if ignored else {}))


def ignored_from_json(text: str) -> tuple[str, ...]:
    """The names that options_to_json was given beside the options."""
    return tuple(json.loads(text)["ignored"]) if '"ignored"' in text else ()


def options_from_json(text: str) -> CompressionOptions:
    """The inverse of options_to_json; fields this version does not know are ignored."""
    found = json.loads(text)
    plain = {name: found[name] for name in _OPTIONS if name in found}
    read: dict[str, Any] = {name: _READ[name](value) if name in _READ else value for name, value in plain.items()}
    return CompressionOptions(**read | {"keep": _keep(found)})


def _formats(names: Sequence[str]) -> tuple[OutputFormat, ...]:
    return tuple(map(OutputFormat, names))


_READ: dict[str, Callable[[Any], object]] = {
    "format": OutputFormat,
    "alternatives": _formats,
    "fit": Fit,
    "crop": Crop,
    "widths": tuple,
    "packing": Packing,
}
"""Options that JSON has in another type; all others are as they are written."""

_OPTIONS = tuple(one.name for one in fields(CompressionOptions))
_KEEP = {kind.value: kind for kind in Keep}
_HOLDING = {kind.value: kind for kind in Holding}
# Of the last two a newer version may know more.

_PRESERVED = {"copyright": Keep.COPYRIGHT, "creation": Keep.DATE, "location": Keep.GPS}
"""The words of `preserve`, which rows of older versions have in place of `keep`."""


def _keep(found: Mapping[str, Sequence[str]]) -> tuple[Keep, ...]:
    if "preserve" in found:
        return beside_default(_PRESERVED[name] for name in found["preserve"] if name in _PRESERVED)
    if "keep" not in found:
        return KEPT_BY_DEFAULT
    return in_order(_KEEP[name] for name in found["keep"] if name in _KEEP)


def report_to_json(report: Report) -> str:
    """A report as JSON."""
    return json.dumps(report.fields())


def report_from_json(text: str) -> Report:
    """The inverse of report_to_json; fields this version does not know are ignored."""
    found = json.loads(text)
    known = {name: found[name] for name in Report.__dataclass_fields__ if name in found}
    known["source_format"] = SourceFormat(known["source_format"])
    known["format"] = OutputFormat(known["format"])
    known["changes"], known["warnings"] = tuple(known["changes"]), tuple(known["warnings"])
    known["considered"] = tuple(Considered.of(one) for one in known.get("considered", ()))
    known["lost"] = tuple(_HOLDING[name] for name in known.get("lost", ()) if name in _HOLDING)
    known["worst"] = WorstPlace.of(known["worst"]) if known.get("worst") else None
    known["advice"] = Advice.of(known["advice"]) if known.get("advice") else None
    known["images"] = tuple(SetImage.of(one) for one in known.get("images", ()))
    known["placeholder"] = Placeholder(**known["placeholder"]) if known.get("placeholder") else None
    return Report(**known)
