"""Which place a path or a URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from leanpix.cli.catalogue.folder import Folder
from leanpix.cli.catalogue.places import Place
from leanpix.cli.paths import is_folder, real_path
from leanpix.domain.errors import SetupError


def source_at(text: str) -> Place:
    """The place of this path or URL; SetupError where there is none."""
    place = _place(text)
    if "://" not in text and not is_folder(Path(text)):
        raise SetupError(f"there is no folder {text}")
    return place


def target_at(text: str, *, makes: bool) -> Place:
    """The same, where files are to go: a folder is made, where anything is to be written."""
    try:
        if "://" not in text and makes:
            Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise SetupError(f"{text}: {failure.strerror}") from failure
    return _place(text)


def are_apart(source: str, target: str) -> bool:
    """Whether neither place lies in the other."""
    one, other = _parts(source), _parts(target)
    shared = min(len(one), len(other))
    return one[:shared] != other[:shared]


def _place(text: str) -> Place:
    if "://" not in text:
        return Folder(Path(text))
    from leanpix.cli.catalogue.bucket import Bucket  # with the object store's client, which a folder has no use for

    return Bucket(text)


def _parts(text: str) -> tuple[str, ...]:
    if "://" not in text:
        return real_path(Path(text)).parts
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc}", *(part for part in parts.path.split("/") if part)
