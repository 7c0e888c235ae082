"""A child's limits for one picture, set from outside: the child itself cannot change them."""

from __future__ import annotations

import contextlib
import logging
import resource
import time

_CPU_CLOCK_OF_PROCESS = 2  # the kernel's CPUCLOCK_SCHED
_log = logging.getLogger(__name__)


def apply_rlimits(pid: int, *, address_bytes: int | None, cpu_s: int | None) -> int | None:
    """Lower a locked child's address space and processor time to what its present picture may take.

    Only the soft limits move, between nothing and what the child was locked with: it may be given more for its next
    picture. cpu_s counts from now. Returns the processor seconds of its whole life at which it is stopped, None where
    that stays as it was.
    """
    stopped_at_s = None
    with contextlib.suppress(ProcessLookupError):  # its end says why
        try:
            if address_bytes is not None:
                _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
                resource.prlimit(pid, resource.RLIMIT_AS, (_lower(hard, address_bytes), hard))
            if cpu_s is not None:
                _, hard = resource.prlimit(pid, resource.RLIMIT_CPU)
                stopped_at_s = _lower(hard, int(cpu_time_s(pid)) + cpu_s)
                resource.prlimit(pid, resource.RLIMIT_CPU, (stopped_at_s, hard))
        except PermissionError:  # a container that forbids it: what the child was locked with still holds
            _log.warning("a child cannot be held to its picture's limits from outside: prlimit is not permitted")
    return stopped_at_s


def cpu_time_s(pid: int) -> float:
    """The processor seconds of another process; 0.0 where it is gone already.

    By the kernel's clock for it, whose number is as clock_getcpuclockid() makes it (POSIX).
    """
    try:
        return time.clock_gettime((~pid << 3) | _CPU_CLOCK_OF_PROCESS)
    except OSError:
        return 0.0


def _lower(present: int, value: int) -> int:
    return value if present == resource.RLIM_INFINITY else min(present, value)
