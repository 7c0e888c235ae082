"""Where results go: into a mirrored tree, in the place of their sources, or beside them.

One rule of names, for the command, a batch's archive and the page: a result has its source's name; where its format is
another, that format's extension is added to it (hat.jpg becomes hat.jpg.webp). So no name depends on what else lies in
a folder, and none changes when a sibling appears. In place, where the source goes, the extension is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path, PurePath

from leanpix.cli.batch.items import Source
from leanpix.domain.formats import OutputFormat

MARK = ".min"
"""Before the extension of a result beside its source."""


class Where(Enum):
    """The three places."""

    MIRROR = auto()
    IN_PLACE = auto()
    BESIDE = auto()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where results go; folder is the mirrored tree's. name: the one file in it, where a single result's is given."""

    where: Where
    folder: Path | None = None
    name: str | None = None

    @property
    def is_tree(self) -> bool:
        """Whether it is a folder that is to hold all that the sources' has."""
        return self.where is Where.MIRROR and self.name is None

    def target(self, source: Source, new_format: OutputFormat | None) -> Path:
        """The result's path. new_format None: the source's own, so the extension stays as it is written."""
        if self.folder is not None and self.name is not None:
            return self.folder / self.name
        name = PurePath(source.relative.name)
        if new_format is not None:
            name = PurePath(f"{name.stem if self.where is Where.IN_PLACE else name.name}.{new_format.value}")
        if self.where is Where.BESIDE:
            name = PurePath(f"{name.stem}{MARK}{name.suffix}")
        if self.folder is None:
            return source.path.with_name(name.name)
        return self.folder / source.relative.with_name(name.name)


def is_marked(name: PurePath) -> bool:
    """Whether a name is that of a result beside its source."""
    return PurePath(name.stem).suffix.lower() == MARK


def sources_of(marked: Path) -> tuple[Path, Path]:
    """The two names that the source of a result beside it may have: it kept its format, or got another."""
    name = marked.stem[: -len(MARK)]
    return marked.with_name(name + marked.suffix), marked.with_name(name)


def numbered(target: Path, number: int) -> Path:
    """Another name for a result whose own name is taken: hat-2.jpg, and hat-2.min.jpg, which still says what it is."""
    stem, mark = target.stem.removesuffix(MARK), MARK if target.stem.endswith(MARK) else ""
    return target.with_name(f"{stem}-{number}{mark}{target.suffix}")
