"""The folders whose files an assistant may have read and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leanpix.cli.paths import is_file, real_path


class PathRefusedError(Exception):
    """A path leads out of the folders, or to nothing; the text says which are allowed."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Folders, as they really lie: a link within one that leads out of it leads out."""

    folders: Sequence[Path]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> Roots:
        """The roots at these paths."""
        return cls([real_path(folder) for folder in folders])

    def file(self, text: str) -> Path:
        """A file that is there."""
        path = self._within(text)
        if not is_file(path):
            raise PathRefusedError(f"there is no file {text}")
        return path

    def place(self, text: str) -> Path:
        """A path at which a file may be written, or a folder made."""
        return self._within(text)

    def _within(self, text: str) -> Path:
        path = Path(text)
        real = real_path(path if path.is_absolute() else self.folders[0] / path)
        if not any(real.is_relative_to(folder) for folder in self.folders):
            allowed = ", ".join(str(folder) for folder in self.folders)
            raise PathRefusedError(f"{text} is outside of what may be used here: {allowed}")
        return real
