"""How much memory there is for this process: the machine's, or less where a container says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

_KIB = 1024


def memory_limit_bytes(root: Path = Path("/")) -> int:
    """The machine's memory, or the lowest limit of the control groups that this process is in.

    root: where proc and sys are mounted. Files that are missing or unreadable limit nothing.
    """
    return min([_machine_bytes(root), *_group_limits(root)])


def memory_kills(root: Path = Path("/")) -> int | None:
    """How many processes the kernel has killed for want of memory, here or anywhere on the machine; None: unknown."""
    found = re.search(r"^oom_kill (\d+)$", _text(root / "proc/vmstat"), re.MULTILINE)
    return None if found is None else int(found[1])


class MemoryKills:
    """Tells whether there were more of them. Thread-safe enough: two that ask at once may both be told so."""

    def __init__(self, count: Callable[[], int | None]) -> None:
        self._count = count
        self._known = count()

    def has_more(self) -> bool:
        """Whether the kernel has killed for want of memory since the last look; True where it cannot be known."""
        known, self._known = self._known, self._count()
        return known is None or self._known is None or self._known > known


def _machine_bytes(root: Path) -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise OSError("/proc/meminfo does not tell the machine's memory")
    return int(found[1]) * _KIB


def _group_limits(root: Path) -> Iterator[int]:
    """The limits of every group from this process's own up to the root's, of both versions of control groups."""
    groups = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _limits_up(groups, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_up(groups / "memory", path, "memory.limit_in_bytes")


def _limits_up(mount: Path, path: str, file: str) -> Iterator[int]:
    own = mount / path.lstrip("/")
    # A container may see its own group as the root, under a path that is not there.
    for folder in (own, *own.parents):
        limit = _text(folder / file).strip()
        if limit.isdecimal():
            yield int(limit)
        if folder == mount:
            return


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
