"""Names of a ZIP's entries as the results may have them: read as they were meant, and made safe rather than refused.

A thousand pictures must not fail for one odd name. No name is ever a path on this machine; what is kept here is what
the results' archive and answers call the pictures, and what is unpacked elsewhere.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from zipfile import ZipInfo

_IS_UTF8 = 0x800
_UNICODE_PATH = 0x7075
_LONGEST_BYTES, _DEEPEST = 255, 16
_MOST_TOLD = 100


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """An entry and the name that its picture goes by."""

    entry: ZipInfo
    name: str


def named_entries(entries: Iterable[ZipInfo]) -> tuple[list[NamedEntry], Mapping[str, str]]:
    """The entries under safe names, each once; and of those that are called otherwise, what they were called: a few."""
    found, renamed, taken = list[NamedEntry](), dict[str, str](), set[str]()
    for number, entry in enumerate(entries, 1):
        written = meant_name(entry)
        name = _told_apart(safe_name(written, number), taken)
        taken.add(name.lower())
        found.append(NamedEntry(entry, name))
        if name != written and len(renamed) < _MOST_TOLD:
            renamed[name] = written
    return found, renamed


def meant_name(entry: ZipInfo) -> str:
    """The name as its writer meant it: many packers write UTF-8 without saying so, others say it beside the name."""
    written = entry.orig_filename
    if entry.flag_bits & _IS_UTF8:
        return written
    raw = written.encode("cp437")  # as the module has decoded it
    try:
        return (_unicode_path(entry.extra, raw) or raw).decode("utf-8")
    except UnicodeDecodeError:
        return written


def safe_name(written: str, number: int) -> str:
    """A relative path of ordinary parts for what an entry is called; picture-N where nothing of the name is left."""
    plain = "".join("_" if c == ":" or not c.isprintable() else c for c in written.replace("\\", "/"))
    parts = [part for part in plain.split("/") if part not in {"", ".", ".."}][-_DEEPEST:]
    name = "/".join(parts)
    if len(name.encode()) > _LONGEST_BYTES:
        name = _shortened(parts[-1])
    return name or f"picture-{number}"


def _unicode_path(extra: bytes, raw: bytes) -> bytes | None:
    """Info-ZIP's field with the name in UTF-8, where it belongs to the name as it stands."""
    while len(extra) >= 4:  # noqa: PLR2004 - a field's head: its kind and its length
        kind, length = struct.unpack_from("<HH", extra)
        value, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(value) > 5 and value[0] == 1:  # noqa: PLR2004 - version, CRC-32, then the name
            return value[5:] if struct.unpack_from("<I", value, 1)[0] == zlib.crc32(raw) else None
    return None


def _shortened(part: str) -> str:
    """A file's name of as many bytes as a file system takes, its extension kept."""
    suffix = PurePosixPath(part).suffix
    suffix = suffix if len(suffix.encode()) < _LONGEST_BYTES // 4 else ""
    stem = part.removesuffix(suffix).encode()[: _LONGEST_BYTES - len(suffix.encode())]
    return stem.decode("utf-8", "ignore") + suffix


def _told_apart(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken already; file systems may not tell cases apart."""
    path, chosen, number = PurePosixPath(name), name, 1
    while chosen.lower() in taken:
        number += 1
        chosen = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
    return chosen
