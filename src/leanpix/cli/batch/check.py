"""What would be saved, as a check: which pictures waste more than a share of their bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import typer

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.batch import BatchRequest, BatchRun, ExitCode, work_through
from leanpix.cli.batch.items import Item, Outcome, Totals, shown_path
from leanpix.cli.batch.lines import as_json
from leanpix.cli.batch.sizes import shown_size


class Style(StrEnum):
    """How findings are written: for people, for programs, or as annotations of GitHub's workflows."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def run_check(request: BatchRequest, settings: BatchSettings, max_waste: float, style: Style) -> ExitCode:
    """Say which pictures could be smaller by more than max_waste percent. Nothing is written."""
    batch = BatchRun()
    code = work_through(request, settings, batch)
    wasteful = [item for item in batch.items if is_wasteful(item, max_waste)]
    failed = [item for item in batch.items if item.outcome is Outcome.FAILED]
    for item in sorted(wasteful, key=lambda one: one.size_after - one.size_before):
        typer.echo(_finding(item, style, _in_words(item)))
    for item in failed:
        typer.echo(_finding(item, style, item.message))
    typer.echo(_sum(batch.totals, wasteful, max_waste, style, request.paths), err=style is not Style.JSON)
    return ExitCode.WASTEFUL if code is ExitCode.DONE and wasteful else code


def is_wasteful(item: Item, max_waste: float) -> bool:
    """Whether a picture's result would be smaller by more than so many percent."""
    return item.outcome is Outcome.COMPRESSED and item.saved_share * 100 > max_waste


def _in_words(item: Item) -> str:
    saved = shown_size(item.size_before - item.size_after)
    return f"{saved} of {shown_size(item.size_before)} can be saved ({item.saved_share:.0%})"


def _finding(item: Item, style: Style, text: str) -> str:
    if style is Style.JSON:
        return as_json(item)
    path = shown_path(item.path)
    if style is Style.TEXT:
        return f"{path}: {text}"
    title = "Picture could be smaller" if item.outcome is Outcome.COMPRESSED else "Picture could not be read"
    return f"::error file={_property(_in_workspace(path))},title={title}::{_escaped(text)}"


def _sum(totals: Totals, wasteful: Sequence[Item], max_waste: float, style: Style, paths: Sequence[Path]) -> str:
    saved = sum(item.size_before - item.size_after for item in wasteful)
    if style is Style.JSON:
        row = {"pictures": totals.pictures, "wasteful": len(wasteful), "failed": totals.counts[Outcome.FAILED]}
        return json.dumps({"summary": {**row, "max_waste": max_waste, "bytes_to_save": saved}})
    pictures = f"{totals.pictures:,} picture{'' if totals.pictures == 1 else 's'}"
    if not wasteful:
        return f"leanpix: none of {pictures} could be smaller by more than {max_waste:g} %"
    named = " ".join(shown_path(path) for path in paths)
    told = f"{len(wasteful):,} of {pictures} could be smaller by more than {max_waste:g} %, {shown_size(saved)} in all"
    return f"leanpix: {told}: leanpix compress --in-place {named}"


def _in_workspace(path: str) -> str:
    """As GitHub wants it: from the repository's top, whatever folder the step runs in."""
    top = os.environ.get("GITHUB_WORKSPACE")
    return os.path.relpath(path, top) if top else path


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
