"""What the kernel says about processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from leanpix.worker.sandbox.locking import Confinement

PROC = Path("/proc")
_LOCKED_DESCRIPTORS = Confinement(0, 0, 0).descriptors


def children_of(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end while its siblings are read
                found += [int(word) for word in (thread / "children").read_text().split()]
    return found


def zygotes_of(server_pid: int) -> list[int]:
    """The processes that a server forks its decoders from."""
    return [pid for pid in children_of(server_pid) if "leanpix.worker.children.zygote" in command_of(pid)]


def decoders_of(server_pid: int) -> list[int]:
    """The processes that were given a picture and are still there: those that wait for a first are not locked yet."""
    return [child for zygote in zygotes_of(server_pid) for child in children_of(zygote) if is_at_work(child)]


def is_at_work(child: int) -> bool:
    """Whether a zygote's child has been given a picture, now or before: then it has the limits of a locked process."""
    with suppress(FileNotFoundError, ProcessLookupError):
        limits = (PROC / str(child) / "limits").read_text(encoding="ascii")
        return f"Max open files            {_LOCKED_DESCRIPTORS} " in limits
    return False


def command_of(pid: int) -> str:
    """The command line of a process; empty where it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def descriptors_of(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(list((PROC / str(pid) / "fd").iterdir()))


def memory_mb(pid: int) -> float:
    """The private resident memory of a process, in MB."""
    fields = dict(line.split(":", 1) for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:])
    return sum(float(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) / 1024
