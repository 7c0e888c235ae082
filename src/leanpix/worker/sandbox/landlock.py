"""Landlock: from here on this process may read the Python installation and the system's libraries, and no more."""

from __future__ import annotations

import errno
import os
import struct
import sysconfig

from leanpix.worker.sandbox.kernel import locking_number, system_call

_CREATE_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# What each version of the interface can refuse, newest first: file rights, network rights, scopes (abstract unix
# sockets and signals to processes outside). All that can be refused is.
_RIGHTS = ((6, (1 << 16) - 1, 3, 3), (5, (1 << 16) - 1, 3, 0), (4, (1 << 15) - 1, 3, 0), (3, (1 << 15) - 1, 0, 0))
_RIGHTS_OLD = ((2, (1 << 14) - 1, 0, 0), (1, (1 << 13) - 1, 0, 0))

# Extension modules imported late are linked against these. Nothing under /etc, /home, /proc, /sys or /tmp.
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_DEVICES = ("/dev/null", "/dev/urandom", "/etc/ld.so.cache")


def landlock_version() -> int:
    """The kernel's version of the interface; OSError where it has none or Landlock is not enabled."""
    return system_call(locking_number("landlock_create_ruleset"), None, 0, _CREATE_VERSION)


def readable_paths() -> list[str]:
    """What a locked child may read: modules that are imported late, and the libraries those need."""
    modules = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return sorted({path for path in (*modules, *_SYSTEM_LIBRARIES, *_DEVICES) if os.path.exists(path)})  # noqa: PTH110 - before the lock, strings all through


def restrict_files() -> None:
    """Refuse every file but the readable ones, every TCP port, every signal to others; OSError where it cannot be.

    Needs no_new_privs.
    """
    version = landlock_version()
    rights = next(row for row in (*_RIGHTS, *_RIGHTS_OLD) if row[0] <= version)
    attributes = struct.pack("<QQQ", *rights[1:])
    size = 24 if rights[0] >= 6 else 16 if rights[0] >= 4 else 8  # noqa: PLR2004 - the versions that grew the struct
    ruleset = system_call(locking_number("landlock_create_ruleset"), attributes, size, 0)
    try:
        for path in readable_paths():
            _allow_reading(ruleset, path)
        system_call(locking_number("landlock_restrict_self"), ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, path: str) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rights = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE  # noqa: PTH112 - as above
    try:
        rule = struct.pack("<Qi", rights, descriptor)
        system_call(locking_number("landlock_add_rule"), ruleset, _RULE_PATH_BENEATH, rule, 0)
    except OSError as error:
        raise OSError(error.errno or errno.EINVAL, f"rule for {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
