"""Numbers as texts: forms and JSON of some clients carry them so."""

from __future__ import annotations

from leanpix.web.compat import Json


def integer_or_text(lowest: int, highest: int) -> Json:
    """An integer within bounds, or its decimal text; an empty text counts as not given."""
    number = {"type": "integer", "minimum": lowest, "maximum": highest}
    return {"anyOf": [number, {"type": "string", "pattern": decimal_pattern(lowest, highest)}]}


def some_integer_or_text(lowest: int, highest: int) -> Json:
    """The same, but for the empty text."""
    number, text = integer_or_text(lowest, highest)["anyOf"]
    return {"anyOf": [number, {**text, "minLength": 1}]}


def decimal_pattern(lowest: int, highest: int) -> str:
    """A pattern for the empty text and the decimal texts of lowest (0 or 1) to highest, without leading zeros."""
    shorter = [f"[1-9][0-9]{{{digits - 1}}}" for digits in range(1, len(str(highest)))]
    zero = ["0"] if lowest == 0 else []
    return f"^(?:{'|'.join([*zero, *shorter, *_of_equal_length(str(highest))])})?$"


def _of_equal_length(highest: str) -> list[str]:
    """Patterns for numbers as long as the highest: equal up to a digit, smaller there, anything after."""
    found = [highest]
    for place, digit in enumerate(highest):
        first = 1 if place == 0 else 0
        if int(digit) > first:
            rest = len(highest) - place - 1
            found.append(f"{highest[:place]}[{first}-{int(digit) - 1}][0-9]{{{rest}}}")
    return found
