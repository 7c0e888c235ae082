"""Processor time of whole families of processes: a server and its sessions, a worker and its decoding children."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.servers import Postgres

_PARENT, _TIMES = 1, slice(11, 15)  # behind the name: own user and system time, and that of children waited for


def family_cpu_s(head: int) -> float:
    """Processor seconds so far of a process and its descendants, those that have ended and were waited for too."""
    fields = _processes()
    children: dict[int, list[int]] = {}
    for pid, values in fields.items():
        children.setdefault(int(values[_PARENT]), []).append(pid)
    family, total = [head], 0
    while family:
        pid = family.pop()
        family += children.get(pid, [])
        total += sum(map(int, fields[pid][_TIMES])) if pid in fields else 0
    return total / os.sysconf("SC_CLK_TCK")


def postgres_cpu_s(postgres: Postgres) -> float:
    """Processor seconds of this server so far."""
    return family_cpu_s(int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0]))


def _processes() -> Mapping[int, list[str]]:
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(place.parent.name)] = place.read_text().rpartition(")")[2].split()
    return found
