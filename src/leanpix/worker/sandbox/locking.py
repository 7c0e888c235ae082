"""Locking a decoding child: every layer that the kernel offers, in an order in which each can still be put on.

The process that children are forked from fences itself with what it can do without as well; a child adds its limits
and the system call filter, which forbids what that process is there for: to fork.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import resource
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leanpix.domain.errors import SandboxMissingError
from leanpix.worker.sandbox.kernel import locking_number, prctl, system_call
from leanpix.worker.sandbox.landlock import restrict_files
from leanpix.worker.sandbox.seccomp import install_filter, prepare_filter

ON = "on"
Layers = dict[str, Callable[[], None]]
_SWITCHED_OFF = "off: LEANPIX_SANDBOX=off"
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CAPABILITY_VERSION_3 = 0x20080522
_WORST_OOM_SCORE = "1000"


@dataclass(frozen=True, slots=True)
class Confinement:
    """How tightly a child is held.

    memory_bytes: address space beyond what the child has when it begins. picture_cpu_s: processor seconds of a
    picture. file_bytes: the most it can write into its result. life_s: for how long the child may be given pictures,
    0 where it does one. descriptors: open files. required: layers without which the child does not begin.
    """

    memory_bytes: int
    picture_cpu_s: int
    file_bytes: int
    life_s: int = 0
    descriptors: int = 64
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SandboxRules:
    """What the process that forks has put on itself, which every child inherits.

    status: each layer with "on" or "off: why". layers: whether children put theirs on too. address_space_bytes:
    what a child has when it begins.
    """

    status: dict[str, str]
    layers: bool
    address_space_bytes: int


def sandbox_rules(*, layers: bool) -> SandboxRules:
    """Put on what a child inherits: done once, it costs no job anything."""
    with contextlib.suppress(OSError):  # /proc may be read-only: then the kernel's own choice stands
        # Killed first when memory is short, before the server; the children, being larger, before this process.
        Path("/proc/self/oom_score_adj").write_text(_WORST_OOM_SCORE, encoding="ascii")
    prctl(_PR_SET_DUMPABLE, 0)  # no core through a core_pattern pipe, which does not ask RLIMIT_CORE
    if layers:
        prepare_filter()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return SandboxRules(_put_on(INHERITED, layers=layers), layers, pages * resource.getpagesize())


def lock(confinement: Confinement, sandbox_rules: SandboxRules) -> dict[str, str]:
    """Lock this child of a fenced process for good; the state of all layers.

    Raises SandboxMissingError when a required layer is not on.
    """
    _set_limits(confinement, sandbox_rules.address_space_bytes)
    receives = confinement.life_s > 0
    own: Layers = {**OWN, "seccomp": partial(install_filter, may_receive=True)} if receives else OWN
    status = {"limits": ON, **sandbox_rules.status, **_put_on(own, layers=sandbox_rules.layers)}
    require(status, confinement.required)
    return status


def require(status: dict[str, str], names: frozenset[str]) -> None:
    """SandboxMissingError unless each of these layers is on."""
    missing = [f"{name} is {status.get(name, 'unknown')}" for name in sorted(names) if status.get(name) != ON]
    if missing:
        raise SandboxMissingError("; ".join(missing))


def _set_limits(confinement: Confinement, own_bytes: int) -> None:
    """Put on the resource limits, which cannot be raised again."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: own_bytes + confinement.memory_bytes,
        resource.RLIMIT_FSIZE: confinement.file_bytes,
        resource.RLIMIT_NOFILE: confinement.descriptors,
    }
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))
    # The soft limit's signal can be caught; a second later the hard limit kills. One that does more than one picture is
    # given each one's time from outside, and has one thread or two: its life in seconds bounds all of it.
    hard_s = confinement.picture_cpu_s + 1 + 2 * confinement.life_s
    resource.setrlimit(resource.RLIMIT_CPU, (confinement.picture_cpu_s, hard_s))


def _drop_capabilities() -> None:
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    system_call(locking_number("capset"), header, bytes(24))


def _forbid_new_privileges() -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


# In this order: Landlock and seccomp need no_new_privs, and after seccomp none of the others can be put on.
INHERITED: Layers = {
    "capabilities": _drop_capabilities,
    "no_new_privs": _forbid_new_privileges,
    "landlock": restrict_files,
}
OWN: Layers = {"seccomp": install_filter}
LAYERS = frozenset({*INHERITED, *OWN})


def _put_on(layers_by_name: Layers, *, layers: bool) -> dict[str, str]:
    return {name: _attempt(put_on) if layers else _SWITCHED_OFF for name, put_on in layers_by_name.items()}


def _attempt(put_on: Callable[[], None]) -> str:
    try:
        put_on()
    except OSError as error:
        return f"off: {_reason(error)}"
    return ON


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):
        return f"not in this kernel ({platform.release()})"
    return errno.errorcode.get(error.errno or 0, "") or os.strerror(error.errno or 0)
