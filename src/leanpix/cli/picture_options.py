"""What is asked of a picture, by the words of commands and tools."""

from __future__ import annotations

from types import MappingProxyType
from typing import TypedDict, Unpack

import typer

from leanpix.cli.batch.batch import ExitCode
from leanpix.domain.choosing import AUTO, one_or_several, parse_formats
from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat, named
from leanpix.domain.holding import SHOWN, Holding
from leanpix.domain.keep import parse_keep
from leanpix.domain.request import KBYTE, CompressionOptions, Fit

_OPTIONS = MappingProxyType({"kbyte": "--max-kb", "target_score": "--score"})


class Asked(TypedDict, total=False):
    """Beside the format. width, height, widths: in pixels."""

    quality: int | None
    max_kb: int | None
    width: int | None
    height: int | None
    fit: Fit
    score: float | None
    keep: list[str] | None
    widths: tuple[int, ...]


def picture_options(formats: str | None = None, **asked: Unpack[Asked]) -> CompressionOptions:
    """The options; InvalidParameterError. formats: a name, several by commas of which the smallest wins, or `auto`."""
    form, alternatives = _formats(formats)
    max_kb = asked.get("max_kb")
    return CompressionOptions(
        format=form,
        alternatives=alternatives,
        quality=asked.get("quality"),
        max_bytes=None if max_kb is None else max_kb * KBYTE,
        width_px=asked.get("width"),
        height_px=asked.get("height"),
        fit=asked.get("fit", Fit.FILL),
        target_score=asked.get("score"),
        keep=parse_keep(",".join(asked.get("keep") or ())),
        widths=asked.get("widths", ()),
    )


def options_or_exit(formats: str | None = None, **asked: Unpack[Asked]) -> CompressionOptions:
    """The same, or a message on standard error and exit code 2."""
    try:
        return picture_options(formats, **asked)
    except InvalidParameterError as failure:
        raise usage_error(_by_option(failure)) from failure


def _by_option(failure: InvalidParameterError) -> str:
    """The failure by the option's name, where the API has another."""
    if failure.name not in _OPTIONS:
        return str(failure).replace("kbyte", _OPTIONS["kbyte"])
    value = f"{failure.value:g}" if isinstance(failure.value, float) else failure.value
    return str(InvalidParameterError(_OPTIONS[failure.name], value, failure.allowed))


def kinds_or_exit(names: str | None) -> frozenset[Holding]:
    """The losses that are allowed, or a message on standard error and exit code 2."""
    asked = {name.strip() for name in (names or "").split(",") if name.strip()}
    if unknown := sorted(asked - SHOWN):
        raise usage_error(f"--allow-loss {unknown[0]}: {', '.join(sorted(SHOWN))} are allowed")
    return frozenset(Holding(name) for name in asked)


def usage_error(text: str) -> typer.Exit:
    """A message on standard error; the exit code 2."""
    typer.echo(f"leanpix: {text}", err=True)
    return typer.Exit(ExitCode.USAGE)


def _formats(names: str | None) -> tuple[OutputFormat | None, tuple[OutputFormat, ...]]:
    """A format, or those of which the smallest is taken."""
    if names is None:
        return None, ()
    if names.lower() == AUTO:
        return None, STANDARD_FORMATS
    try:
        return one_or_several(parse_formats(names, tuple(OutputFormat)))
    except InvalidParameterError:
        raise InvalidParameterError("format", names, f"{AUTO}, {named(OutputFormat)}, or several by commas") from None
