"""What test children do instead of compressing: the source names the act, and its argument after a colon."""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import Compression, Report
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.engine.resources import ResourceBudget

JPEG = b"\xff\xd8\xff"
RESULT_FD, ANSWERS_FD, SOURCE_FD = 3, 4, 5
_libc = ctypes.CDLL(None, use_errno=True)


def act(
    source: bytes,
    options: CompressionOptions,
    *,
    on_phase: Callable[[str], None] | None = None,
    on_need: Callable[[ResourceBudget], None] | None = None,
) -> Compression:
    assert options.quality == 80
    name, _, argument = source[:200].decode("latin-1").partition(":")
    if name == "needing" and on_need is not None:  # so many MB for so many seconds
        megabytes, _, seconds = argument.partition(" ")
        on_need(ResourceBudget(int(megabytes) << 20, address_bytes=4 << 30, cpu_s=60))
        name, argument = "sleep", seconds
    if name == "sides" and on_need is not None:
        on_need(ResourceBudget(1, 1 << 30, 5, int(argument)))
    if name == "budget" and on_need is not None:  # so many MB of address space and so many seconds; never granted
        megabytes, _, seconds = argument.partition(" ")
        on_need(ResourceBudget(1, int(megabytes) << 20, int(seconds), 8000))
        name = "limits"
    if name == "die_silently":
        os.abort()
    if name == "through" and on_phase is not None:  # these phases, a tenth of a second each
        for phase in argument.split():
            on_phase(phase)
            time.sleep(0.1)
    elif on_phase is not None:
        on_phase("searching")
    answer = ACTS[name](argument) if name in ACTS else str(len(source))
    return compression(JPEG + str(answer).encode(), len(source))


def compression(data: bytes, source_bytes: int) -> Compression:
    report = Report(source_bytes, SourceFormat.JPG, 1, 1, len(data), OutputFormat.JPG, 1, 1, "none")
    return Compression(data, report)


def _attempt(act: Callable[[], object]) -> str:
    """`done`, or the name of the error with which the act was refused."""
    try:
        act()
    except OSError as error:
        return f"refused {error.errno}"
    except MemoryError:
        return "refused MemoryError"
    return "done"


def _connect(port: str) -> str:
    return _attempt(lambda: socket.create_connection(("127.0.0.1", int(port)), 1))


def _bind(_: str) -> str:
    return _attempt(lambda: socket.socket(socket.AF_UNIX).bind("\0leanpix-test"))


def _read(path: str) -> str:
    return _attempt(lambda: open(path, "rb").read(1))  # noqa: PTH123 - dies with the process


def _write(path: str) -> str:
    return _attempt(lambda: open(path, "wb").write(b"x"))  # noqa: PTH123 - dies with the process


def _change_source(_: str) -> str:
    return _attempt(lambda: os.pwrite(SOURCE_FD, b"x", 0)) + ", " + _attempt(lambda: os.truncate(SOURCE_FD, 0))


def _exec(_: str) -> str:
    return _attempt(lambda: os.execv("/bin/true", ["true"]))  # noqa: S606 - an escape


def _fork(_: str) -> str:
    def fork() -> None:
        if os.fork() == 0:
            time.sleep(1)
            os._exit(0)

    return _attempt(fork)


def _forge_a_line(_: str) -> str:
    os.write(2, b'x\n{"event": "forged"}\n\x1b[2J\n')
    os.abort()


def _kill(pid: str) -> str:
    return _attempt(lambda: os.kill(int(pid), signal.SIGKILL))


def _may_kill(pid: str) -> str:
    return _attempt(lambda: os.kill(int(pid), 0))


def _signal_by_fcntl(pid: str) -> str:
    import fcntl

    return _attempt(lambda: fcntl.fcntl(ANSWERS_FD, 8, int(pid)))


def _forget_parent(_: str) -> str:
    return _attempt(lambda: _checked(_libc.prctl(1, 0, 0, 0, 0)))


def _dumpable(_: str) -> str:
    return str(_libc.prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE


def _ptrace(pid: str) -> str:
    return _attempt(lambda: _checked(_libc.ptrace(0x4206, int(pid), None, None)))  # PTRACE_SEIZE


def _read_memory(pid: str) -> str:
    return _attempt(lambda: _checked(_libc.process_vm_readv(int(pid), None, 0, None, 0, 0)))


def _symlink(path: str) -> str:
    return _attempt(lambda: os.symlink("/etc/passwd", path))  # noqa: PTH211 - an escape


def _chmod(path: str) -> str:
    return _attempt(lambda: os.chmod(path, 0o777))  # noqa: S103, PTH101 - an escape


def _unlink(path: str) -> str:
    return _attempt(lambda: os.unlink(path))  # noqa: PTH108 - an escape


def _big_file(size: str) -> str:
    return _attempt(lambda: os.pwrite(RESULT_FD, b"x", int(size)))


def _raise_limit(_: str) -> str:
    def lift() -> None:
        try:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except ValueError as error:  # how Python words EPERM here
            raise PermissionError(1, str(error)) from error

    return _attempt(lift)


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _allocate(megabytes: str) -> str:
    return str(len(bytearray(int(megabytes) << 20)))


def _c_allocate(_: str) -> str:
    """As a C++ or Rust encoder runs out of memory: words on stderr, then abort()."""
    os.write(2, b"memory allocation of 123456789 bytes failed\n")
    os.abort()


def _segfault(_: str) -> None:
    faulthandler.disable()
    ctypes.string_at(0)


def _hang(_: str) -> None:
    """Sleep in C with the interpreter's lock held, deaf to every signal that can be blocked."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set(signal.Signals))
    ctypes.PyDLL(None).sleep(600)


def _spin(_: str) -> None:
    while True:
        pass


def _stubborn_spin(_: str) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    _spin("")


def _fail(state: str) -> None:
    states = {int(member): member for member in TaskState}
    raise TaskFailure(states[int(state)], "the picture is cut short")


def _defect(_: str) -> None:
    raise ValueError("a defect")


def _exit(code: str) -> None:
    os._exit(int(code))


def _say(text: str) -> None:
    os.write(ANSWERS_FD, text.encode("latin-1"))
    time.sleep(600)


def _say_much(size: str) -> None:
    os.write(ANSWERS_FD, b'{"phase": "' + b"x" * int(size) + b'"}')
    time.sleep(600)


def _phases(count: str) -> str:
    for _unused in range(int(count)):
        os.write(ANSWERS_FD, b'{"phase": "encoding"}')
    return "through"


def _asking_twice(_: str) -> str:
    for _unused in range(2):
        os.write(ANSWERS_FD, b'{"needs": 1}')
        os.read(ANSWERS_FD, 1)
    return "through"


def _hang_up(_: str) -> None:
    os.close(ANSWERS_FD)
    time.sleep(600)


def _lie_about_size(_: str) -> None:
    os.write(RESULT_FD, JPEG + b"short")
    os.write(ANSWERS_FD, _report(1 << 40))
    time.sleep(600)


def _lie_about_format(_: str) -> None:
    os.write(RESULT_FD, b"<html>")
    os.write(ANSWERS_FD, _report(6))
    time.sleep(600)


def _hold_the_result(_: str) -> None:
    os.write(RESULT_FD, JPEG + b"now")
    held = mmap.mmap(RESULT_FD, 6)
    os.write(ANSWERS_FD, _report(6))
    while True:
        held[3:] = b"not"


def _report(size: int) -> bytes:
    return (
        b'{"report": {"source_bytes": 1, "source_format": "jpg", "source_width_px": 1, "source_height_px": 1, '
        b'"result_bytes": %d, "format": "jpg", "width_px": 1, "height_px": 1, "encoder": "none"}}' % size
    )


def _shout(_: str) -> str:
    """Far more on stderr than its pipe holds."""
    for _unused in range(100):
        try:
            os.write(2, b"x" * 10_000)
        except BlockingIOError:
            return "heard"
    return "unbounded"


def _environment(_: str) -> str:
    return " ".join(sorted(os.environ))


def _descriptors(_: str) -> str:
    found = []
    for descriptor in range(1024):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.append(str(descriptor))
    return " ".join(found)


def _no_terminal(_: str) -> str:
    null = os.stat(os.devnull).st_rdev  # noqa: PTH116 - numbers
    return str([os.fstat(descriptor).st_rdev == null for descriptor in (0, 1)])


def _threads(_: str) -> str:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return str(sorted(done))


def _spawn(_: str) -> str:
    return _attempt(lambda: subprocess.run([sys.executable, "-V"], check=False))


def _say_later(_: str) -> str:
    """What a child that was taken over might try: an answer to a picture that it has not been given yet."""
    threading.Timer(0.05, lambda: os.write(ANSWERS_FD, _report(1))).start()
    time.sleep(0.02)
    return "soon"


def _burn(seconds: str) -> str:
    until_s = time.process_time() + float(seconds)
    while time.process_time() < until_s:
        pass
    return "burnt"


def _sleep(seconds: str) -> str:
    time.sleep(float(seconds))
    return "slept"


def _own_pid(_: str) -> str:
    return f"{os.getpid()} {os.getppid()}"


def _tell_pid(seconds: str) -> str:
    os.write(ANSWERS_FD, b'{"phase": "pid %d"}' % os.getpid())
    time.sleep(float(seconds))
    return "slept"


def _limits(_: str) -> str:
    return f"{resource.getrlimit(resource.RLIMIT_AS)[0] >> 20} {resource.getrlimit(resource.RLIMIT_CPU)[0]}"


def _core_limit(_: str) -> str:
    return str(resource.getrlimit(resource.RLIMIT_CORE))


def _seen_before(_: str) -> str:
    """Leave a mark in this process; a later job must not find it."""
    found = vars(sys).get("mark_of_an_earlier_job", "nothing")
    vars(sys)["mark_of_an_earlier_job"] = "a mark"
    return str(found)


ACTS: dict[str, Callable[[str], object]] = {
    name.removeprefix("_"): function
    for name, function in list(globals().items())
    if name.startswith("_") and callable(function) and getattr(function, "__module__", "") == __name__
}
