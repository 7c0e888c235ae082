"""Which files a batch works on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePath

from leanpix.cli.batch.backup import MANIFEST
from leanpix.cli.batch.gitignore import GitIgnore
from leanpix.cli.batch.items import Item, Outcome, Source
from leanpix.cli.batch.place import Where, is_marked
from leanpix.cli.paths import is_folder, is_link, is_there, real_path

# The names that pictures of the readable formats go by. A file that is named on the command line needs none of them.
EXTENSIONS = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "sgi", "rgb", "rgba", "bw"}
    | {"3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "kdc", "mef", "mos", "mrw", "nef", "nrw", "orf", "pef"}
    | {"avif", "jxl", "heic", "heif", "hif"}
    | {"raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f"}
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a folder is taken.

    include and exclude are patterns of file names or of paths below the folder, in any case; `*` matches `/` too.
    Without include, the extension decides. outside: a folder that is never entered (the output's, or the backup's own).
    where: results beside their sources are left out by their name, `name.min.ext`; in place, a file is worked on once,
    by whatever links it is found. by_gitignore: what a working tree's .gitignore files name is left out of folders.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    follow_links: bool = False
    outside: Path | None = None
    where: Where = Where.MIRROR
    by_gitignore: bool = True

    def takes(self, relative: PurePath) -> bool:
        """Whether a file of a folder is worked on."""
        if relative.name.startswith(".") or matches(relative, self.exclude):
            return False
        if self.where is Where.BESIDE and is_marked(relative):
            return False
        if self.include:
            return matches(relative, self.include)
        return relative.suffix[1:].lower() in EXTENSIONS

    def enters(self, folder: Path, relative: PurePath) -> bool:
        """Whether a folder within the folder is looked into; in place, no folder of originals that were kept is."""
        if relative.name.startswith(".") or matches(relative, self.exclude):
            return False
        if self.where is Where.IN_PLACE and is_there(folder / MANIFEST):
            return False
        return self.outside is None or real_path(folder) != self.outside


@dataclass(slots=True)
class Selection:
    """The pictures found, those that could not be taken, and how many files were left out, by why.

    ignored: pictures and folders that .gitignore names.
    """

    sources: list[Source] = field(default_factory=list)
    problems: list[Item] = field(default_factory=list)
    left_out: int = 0
    ignored: int = 0

    @property
    def pictures(self) -> int:
        """How many there are, those included that cannot be worked on."""
        return len(self.sources) + len(self.problems)


def matches(relative: PurePath, patterns: Sequence[str]) -> bool:
    """Whether a path or its last part matches one of the patterns, in any case."""
    if not patterns:
        return False
    path, name = relative.as_posix().lower(), relative.name.lower()
    return any(fnmatchcase(path, p.lower()) or fnmatchcase(name, p.lower()) for p in patterns)


def select(paths: Sequence[Path], rules: Rules, listed: Sequence[Path] = ()) -> Selection:
    """Find the pictures, in the order of their names. What is named twice is taken once.

    listed: files of a list. Those keep their folders in a mirrored tree, as they are written, where that can be.
    A symbolic link and its target are two names: each gets its result, except in place, where there is one file only.
    """
    found, seen = Selection(), set[str]()
    keeps_name, among_listed = len(paths) + len(listed) > 1, set(listed)
    for path in [*paths, *listed]:
        if is_folder(path):
            base = PurePath(real_path(path).name) if keeps_name else PurePath()
            candidates: Iterable[tuple[Source, str]] = _in_folder(path, base, rules, found)
        else:
            candidates = (_named_source(path, rules, keeps_folders=path in among_listed),)
        for source, its_path in candidates:
            if its_path not in seen:
                seen.add(its_path)
                found.sources.append(source)
    if rules.where is Where.MIRROR:
        found.sources = _without_clashes(found)
    return found


def _named_source(path: Path, rules: Rules, *, keeps_folders: bool) -> tuple[Source, str]:
    relative = PurePath(path) if keeps_folders and not path.is_absolute() and ".." not in path.parts else path.name
    if rules.where is Where.IN_PLACE:
        real = real_path(path)
        return Source(real if is_link(path) else path, PurePath(relative)), str(real)
    return Source(path, PurePath(relative)), str(real_path(path.parent) / path.name)


def _in_folder(folder: Path, base: PurePath, rules: Rules, found: Selection) -> Iterator[tuple[Source, str]]:
    """The pictures in a folder, each with the path that tells whether it was taken already.

    That is its file's in place, and its own elsewhere; a folder's is looked up once for all its files.
    """
    visited: set[tuple[int, int]] = set()
    top, git = real_path(folder), GitIgnore()

    def is_ignored(within: Path, *, is_folder: bool) -> bool:
        is_it = rules.by_gitignore and git.leaves_out(top / within, is_folder=is_folder)
        found.ignored += is_it
        return is_it

    for place, folders, names in os.walk(
        folder, followlinks=rules.follow_links, onerror=partial(_note_unreadable, found)
    ):
        here = Path(place)
        status = here.stat()
        if (status.st_dev, status.st_ino) in visited:  # a link back to a folder above it
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        within = here.relative_to(folder)
        entered = [name for name in folders if rules.enters(here / name, within / name)]
        folders[:] = sorted(name for name in entered if not is_ignored(within / name, is_folder=True))
        real_place = os.path.realpath(place)
        for name in sorted(names):
            path, is_linked = here / name, os.path.islink(f"{place}/{name}")  # noqa: PTH114 - 1,000 times 20 us
            if not rules.takes(within / name) or (is_linked and not rules.follow_links):
                found.left_out += 1
                continue
            if is_ignored(within / name, is_folder=False):
                continue
            real = real_path(path) if is_linked and rules.where is Where.IN_PLACE else None
            yield Source(real or path, base / within / name), str(real or f"{real_place}/{name}")


def _note_unreadable(found: Selection, failure: OSError) -> None:
    text = failure.strerror or str(failure)
    found.problems.append(Item(Path(str(failure.filename)), Outcome.FAILED, message=text))


def _without_clashes(found: Selection) -> list[Source]:
    """Refuse a second source for one place in the mirrored tree."""
    taken: dict[PurePath, Source] = {}
    for source in found.sources:
        other = taken.setdefault(source.relative, source)
        if other is not source:
            text = f"its result would replace that of {other.path}"
            found.problems.append(Item(source.path, Outcome.FAILED, message=text))
    return list(taken.values())
