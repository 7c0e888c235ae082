"""The system call filter of a decoding child: what is not listed is refused with EPERM."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Iterator
from functools import cache

from leanpix.worker.sandbox.kernel import locking_number, number_here, system_call
from leanpix.worker.sandbox.syscalls import ALLOWED, CONDITIONAL, RECEIVING, UNKNOWABLE, Numbers

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
# Calls younger than this table: libc takes "not there" as "use the older one", and EPERM as an error.
_FIRST_UNKNOWN = 450

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_ARGUMENTS = 0, 4, 16
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1

# Anything but reading: O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | the bit that tells O_TMPFILE from O_DIRECTORY.
_OPEN_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | (os.O_TMPFILE & ~os.O_DIRECTORY)
_CLONE_THREAD = 0x10000
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GET_SEALS. Not F_SETOWN and F_SETSIG: they
# have the kernel signal any process of the same user.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030, 1034)
# TCGETS (isatty), FIONCLEX, FIOCLEX. Not FIOSETOWN, not TIOCSTI.
_IOCTL_REQUESTS = (0x5401, 0x5450, 0x5451)
# PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_NO_NEW_PRIVS, PR_SET_THP_DISABLE, PR_SET_VMA.
# Not PR_SET_PDEATHSIG: a child that clears it outlives its parent.
_PRCTL_OPTIONS = (2, 3, 15, 16, 39, 41, 0x53564D41)

Instruction = tuple[int, int, int, int]


def install_filter(*, may_receive: bool = False) -> None:
    """Filter every thread of this process from now on; OSError where the kernel or the machine cannot.

    may_receive: whether it may be sent descriptors, which its next job comes with. Needs no_new_privs.
    """
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        raise OSError(errno.ENOSYS, f"no filter for {machine}")
    program = _common_program() + _packed(_program_for(os.getpid(), may_receive=may_receive))
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if thread := system_call(locking_number("seccomp"), _SET_MODE_FILTER, _FLAG_TSYNC, header):
        raise OSError(errno.EBUSY, f"thread {thread} cannot take the filter")


def prepare_filter() -> None:
    """Have the part of the filter ready that is every child's, in the process that they are forked from."""
    if platform.machine() in _AUDIT_ARCH:
        _common_program()


@cache
def _common_program() -> bytes:
    steps: list[Instruction] = [
        (_LOAD, 0, 0, _OFFSET_ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[platform.machine()]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL_PROCESS),
    ]
    for number in _numbers_of(ALLOWED.values()):
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in _numbers_of(UNKNOWABLE.values()):
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]
    return _packed([*steps, *_conditions()])


def _program_for(pid: int, *, may_receive: bool) -> list[Instruction]:
    """The rest of the filter, for the process with this id: it falls through to here what was not judged before."""
    receiving = _numbers_of(RECEIVING.values()) if may_receive else []
    return [
        *(step for number in receiving for step in ((_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW))),
        *_one_of("tgkill", 0, (pid,)),  # abort() and raise()
        (_JUMP_AT_LEAST, 0, 1, _FIRST_UNKNOWN),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
    ]


def _packed(steps: Iterable[Instruction]) -> bytes:
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def _conditions() -> list[Instruction]:
    """The calls whose arguments decide. Flags and numbers all lie in an argument's lower half."""
    return [
        *_unless_bits("open", 1, _OPEN_TO_WRITE),
        *_unless_bits("openat", 2, _OPEN_TO_WRITE),
        *_with_bits("clone", 0, _CLONE_THREAD),  # threads, no processes
        *_one_of("prctl", 0, _PRCTL_OPTIONS),
        *_one_of("fcntl", 1, _FCNTL_COMMANDS),
        *_one_of("ioctl", 1, _IOCTL_REQUESTS),
        *_reading_limits(),
        *_one_of("sched_setattr", 0, (0,)),  # itself: GLib's thread pool
    ]


def _reading_limits() -> Iterator[Instruction]:
    """prlimit64 with no new limit, both halves of its pointer being 0: limits are set from outside."""
    number = number_here(CONDITIONAL["prlimit64"])
    if number is None:
        return
    new_limit = _OFFSET_ARGUMENTS + 8 * 2
    yield (_JUMP_EQUAL, 0, 6, number)
    yield (_LOAD, 0, 0, new_limit)
    yield (_JUMP_EQUAL, 0, 3, 0)
    yield (_LOAD, 0, 0, new_limit + 4)
    yield (_JUMP_EQUAL, 0, 1, 0)
    yield (_RETURN, 0, 0, _ALLOW)
    yield (_RETURN, 0, 0, _ERROR | errno.EPERM)


def _one_of(name: str, argument: int, values: tuple[int, ...]) -> Iterator[Instruction]:
    tests: list[Instruction] = [(_JUMP_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    yield from _judged(name, argument, tests)


def _with_bits(name: str, argument: int, bits: int) -> Iterator[Instruction]:
    yield from _judged(name, argument, [(_JUMP_BITS, 1, 0, bits)])


def _unless_bits(name: str, argument: int, bits: int) -> Iterator[Instruction]:
    yield from _judged(name, argument, [(_JUMP_BITS, 0, 1, bits)])


def _judged(name: str, argument: int, tests: list[Instruction]) -> Iterator[Instruction]:
    """The tests on one argument of one call: falling through them refuses, jumping over that refusal allows."""
    number = number_here(CONDITIONAL[name])
    if number is None:
        return
    yield (_JUMP_EQUAL, 0, len(tests) + 3, number)
    yield (_LOAD, 0, 0, _OFFSET_ARGUMENTS + 8 * argument)
    yield from tests
    yield (_RETURN, 0, 0, _ERROR | errno.EPERM)
    yield (_RETURN, 0, 0, _ALLOW)


def _numbers_of(calls: Iterable[Numbers]) -> list[int]:
    """The numbers that these calls have on this machine."""
    return [number for call in calls if (number := number_here(call)) is not None]
