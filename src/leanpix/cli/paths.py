"""What lies at a path that somebody named, and where it really is.

pathlib's own questions raise where a folder on the way may not be entered, where a name is too long, and where links
lead in a circle, each version of Python in cases of its own. Here nothing is at such a path: reading or writing it then
says why.
"""

from __future__ import annotations

import os
from pathlib import Path


def is_there(path: Path) -> bool:
    """Whether anything is."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def is_folder(path: Path) -> bool:
    """Whether a folder is, or a link to one."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: Path) -> bool:
    """Whether a plain file is, or a link to one."""
    return os.path.isfile(path)  # noqa: PTH113


def is_link(path: Path) -> bool:
    """Whether a link is, wherever it leads."""
    return os.path.islink(path)  # noqa: PTH114


def real_path(path: Path) -> Path:
    """The whole path, without links as far as they lead anywhere."""
    return Path(os.path.realpath(path))
