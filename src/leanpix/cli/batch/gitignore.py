"""What a working tree's .gitignore files leave out, by git's own rules.

Only those files count, and only within a working tree: not a user's own exclude file, and not git's index, so a
file that was committed all the same is left out here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leanpix.cli.paths import is_there

_NAME = ".gitignore"


@dataclass(frozen=True, slots=True)
class _Line:
    """One pattern, as an expression over the path below its file's folder."""

    expression: re.Pattern[str]
    is_negated: bool
    is_for_folders: bool


@dataclass(frozen=True, slots=True)
class _File:
    """The lines of one .gitignore, the last first: of those that match, the last one decides."""

    folder: Path
    lines: Sequence[_Line]

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """Whether it leaves a path out; None where it says nothing of it."""
        below = path.relative_to(self.folder).as_posix()
        for line in self.lines:
            if (is_folder or not line.is_for_folders) and line.expression.fullmatch(below):
                return not line.is_negated
        return None


@dataclass(frozen=True, slots=True)
class GitIgnore:
    """Reads the files as their folders are asked for, each once."""

    _known: dict[Path, tuple[_File, ...] | None] = field(default_factory=dict)

    def leaves_out(self, path: Path, *, is_folder: bool) -> bool:
        """Whether an absolute path is ignored, its folders not considered: who walks does not enter those."""
        for file in reversed(self._above(path.parent) or ()):
            verdict = file.verdict(path, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return False

    def _above(self, folder: Path) -> tuple[_File, ...] | None:
        """The files that hold in a folder, the working tree's own first; None outside of every working tree."""
        if folder not in self._known:
            if is_there(folder / ".git"):
                above: tuple[_File, ...] | None = ()
            else:
                above = None if folder == folder.parent else self._above(folder.parent)
            self._known[folder] = None if above is None else (*above, *_read(folder))
        return self._known[folder]


def _read(folder: Path) -> tuple[_File, ...]:
    try:
        text = (folder / _NAME).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ()
    return (_File(folder, [line for one in reversed(text.splitlines()) if (line := _line(one)) is not None]),)


def _line(text: str) -> _Line | None:
    """A line's pattern; None for an empty line, a comment, or what can match nothing."""
    text = re.sub(r"(?<!\\) +$", "", text.rstrip("\r"))
    if not text or text.startswith("#"):
        return None
    is_negated = text.startswith("!")
    text = text[1:] if is_negated else text
    is_for_folders = text.endswith("/")
    text = text.rstrip("/") if is_for_folders else text
    segments = text.split("/")
    if len(segments) == 1:
        segments = ["**", *segments]  # a name alone is meant at any depth
    elif not segments[0]:
        segments = segments[1:]
    try:
        return _Line(re.compile(_expression(segments), re.DOTALL), is_negated, is_for_folders)
    except re.error:
        return None


def _expression(segments: Sequence[str]) -> str:
    parts = []
    for number, segment in enumerate(segments):
        is_last = number == len(segments) - 1
        if segment == "**":
            parts.append(".+" if is_last else "(?:.+/)?")
        else:
            parts.append(_segment(segment) + ("" if is_last else "/"))
    return "".join(parts)


def _segment(text: str) -> str:
    """A name's pattern: `*`, `?`, `[a-z]`, `[!a-z]` and backslashes; none of them matches `/`."""
    # A backslash and what it makes literal, a set, a wildcard, or any other character.
    found = re.findall(r"\\.|\[[!^]?\]?(?:\\.|[^\]\\])*\]|\*+|.", text, re.DOTALL)
    return "".join(_part(part) for part in found)


def _part(part: str) -> str:
    if part.startswith("*"):
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part == "[":
        raise re.error("a set without an end matches nothing")
    if part.startswith("["):
        inner, is_negated = part[1:-1], part[1] in "!^"
        members = re.sub(r"\\(.)|([\]\[&~|])", lambda m: re.escape(m[1] or m[2]), inner[is_negated:])
        return f"(?!/)[{'^' * is_negated}{members}]"
    return re.escape(part[-1])
