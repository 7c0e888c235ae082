"""System calls that Python's own modules do not wrap, by number, errors as OSError."""

from __future__ import annotations

import ctypes
import os
import platform
from contextlib import suppress

from leanpix.worker.sandbox.syscalls import LOCKING, Numbers

MACHINES = ("x86_64", "aarch64")
_PR_SET_PDEATHSIG, _PR_SET_THP_DISABLE = 1, 41


def system_call(number: int, *arguments: int | bytes | None) -> int:
    """Make the call; its result, or OSError where that is negative. Bytes are passed by address."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result: int = libc.syscall(ctypes.c_long(number), *(_argument(value) for value in arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, value: int = 0) -> int:
    """Set or get one attribute of this process; OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def allow_large_pages(is_allowed: bool) -> None:
    """Whether this process, and what is forked from it, may have memory in large pages; nothing where it cannot say."""
    with suppress(OSError):  # it is a matter of speed only
        prctl(_PR_SET_THP_DISABLE, int(not is_allowed))


def number_here(numbers: Numbers) -> int | None:
    """The number for this machine; None where the call or the machine is not known."""
    machine = platform.machine()
    return numbers[MACHINES.index(machine)] if machine in MACHINES else None


def locking_number(name: str) -> int:
    """The number of a call that locks; OSError(ENOSYS) on an unknown machine."""
    number = number_here(LOCKING[name])
    if number is None:
        raise OSError(38, f"no system call table for {platform.machine()}")
    return number


def die_with(parent_pid: int, signal_number: int) -> None:
    """Have the kernel send this process a signal when its parent's thread ends; leave at once if it already has.

    The check comes after the request: a parent that died in between would never be noticed.
    """
    prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:
        os._exit(1)


def _argument(value: int | bytes | None) -> ctypes.c_char_p | ctypes.c_long | None:
    if value is None or isinstance(value, bytes):
        return ctypes.c_char_p(value)
    return ctypes.c_long(value)
