"""The data folder of one machine: made for its owner alone, checked, locked, and what is wrong with it in words."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import DBAPIError

from leanpix.domain.errors import SetupError, StoreUnavailableError

# Of these rates.db is an earlier version's: rates are kept in memory since.
_OWN_NAMES = ("leanpix.db", "rates.db", "files", "spool", "secret", "settings.env", "lock", "owner-key", "backup-")
_OWNER_ONLY, _FOLDER_OF_OWNER = 0o600, 0o700
_SECRET_BYTES = 32
# Less than this is no room for SQLite's shared memory file and a page of its log: whatever failed, it is the disk.
_NO_ROOM_BYTES = 256 * 1024
_SQLITE_WORDS = {
    sqlite3.SQLITE_NOTADB: "is no database, or a damaged one: put a backup back (`leanpix restore`)",
    sqlite3.SQLITE_CORRUPT: "is damaged: put a backup back (`leanpix restore`)",
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_READONLY: "cannot be written",
    sqlite3.SQLITE_FULL: "has no room: the disk is full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_IOERR: "cannot be read or written",
    sqlite3.SQLITE_PERM: "cannot be opened",
}
_FIRST_BYTE = 0xFF  # of SQLite's codes: the kind of failure, the rest tells it more exactly


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One folder; nothing is made or touched before a method says so."""

    path: Path
    kind: str = "data folder"

    @property
    def database(self) -> Path:
        """Tasks, keys and the ledger."""
        return self.path / "leanpix.db"

    @property
    def files(self) -> Path:
        """Sources and results."""
        return self.path / "files"

    @property
    def spool(self) -> Path:
        """What is being received or fetched: files without names."""
        return self.path / "spool"

    @property
    def secret(self) -> Path:
        """The secret behind keys and links, unless LEANPIX_SECRET names one."""
        return self.path / "secret"

    @property
    def settings(self) -> Path:
        """The settings that the last server here had, for a backup."""
        return self.path / "settings.env"

    @property
    def owner_key(self) -> Path:
        """The first key, where nobody was there to read it."""
        return self.path / "owner-key"

    def has_database(self) -> bool:
        """Whether a database was made here; SetupError where that cannot be seen."""
        with self.told():
            return self.database.exists() and self.database.stat().st_size > 0

    def make(self) -> None:
        """Make the folder and its database's files where they are missing, for nobody but their owner; SetupError."""
        with self.told():
            self.path.mkdir(parents=True, exist_ok=True, mode=_FOLDER_OF_OWNER)
            self.look()
            self._close_to_others()

    def make_bare(self) -> None:
        """Make the folder alone where it is missing; SetupError where nothing can be kept in it."""
        with self.told():
            self.path.mkdir(parents=True, exist_ok=True, mode=_FOLDER_OF_OWNER)
            if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "", str(self.path))

    def look(self) -> None:
        """SetupError where the folder, or what is in it, cannot be used; one that is not there could be made."""
        with self.told():
            place = self.path
            while not place.exists() and place != place.parent:
                place = place.parent
            if not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "", str(place))
            for path in (place, self.database, self.secret, self.files):
                if path.exists() and not os.access(path, os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)):
                    raise PermissionError(errno.EACCES, "", str(path))

    def lock(self) -> BinaryIO:
        """Keep the folder for this process until the file is closed; SetupError where another process has it."""
        with self.told():
            held = os.fdopen(os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _OWNER_ONLY), "r+b")
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as taken:
                holder = held.read(20).decode(errors="replace").strip()
                held.close()
                raise SetupError(
                    f"the {self.kind} {self.path} is in use by another leanpix server (process {holder or 'unknown'}): "
                    "stop that one, or name another folder by --data-dir or LEANPIX_DATA_DIR"
                ) from taken
            held.truncate()
            held.write(f"{os.getpid()}\n".encode())
            held.flush()
            return held

    def kept_secret(self) -> bytes | None:
        """The secret that lies here, or None; SetupError for an empty one."""
        with self.told():
            try:
                found = self.secret.read_bytes().strip()
            except FileNotFoundError:
                return None
        if not found:
            raise SetupError(
                f"the secret in {self.secret} is empty: put the right one back from a backup, or give every key a new "
                "text with `leanpix new-secret`"
            )
        return found

    def make_secret(self) -> bytes:
        """Make the secret; of several processes at once all get the same."""
        made = self.path / f"secret-{secrets.token_hex(4)}"
        with self.told():
            try:
                write_private(made, secrets.token_hex(_SECRET_BYTES))
                try:
                    os.link(made, self.secret)  # whole or not at all, and the first one stays
                except FileExistsError:
                    pass
                except OSError:  # a file system without second names
                    made.replace(self.secret)
            finally:
                made.unlink(missing_ok=True)
        return self.kept_secret() or b""

    def replace_secret(self) -> bytes:
        """Make a new secret in the place of what was there."""
        made = self.path / f"secret-{secrets.token_hex(4)}"
        with self.told():
            write_private(made, secrets.token_hex(_SECRET_BYTES))
            made.replace(self.secret)
        return self.kept_secret() or b""

    def keep_settings(self, text: str) -> None:
        """Keep what is set, for the next backup."""
        made = self.path / f"settings.env-{secrets.token_hex(4)}"
        with self.told():
            write_private(made, text)
            made.replace(self.settings)

    def free_bytes(self) -> tuple[int, int]:
        """Bytes that are free on the folder's disk, and how many it has."""
        place = self.path
        while not _is_there(place):
            place = place.parent
        usage = shutil.disk_usage(place)
        return usage.free, usage.total

    @contextmanager
    def told(self) -> Iterator[None]:
        """Failures of the disk or of the database within the block, as a SetupError of one line."""
        try:
            yield
        except (OSError, sqlite3.Error, DBAPIError, StoreUnavailableError) as failure:
            words = self._words(failure)
            if words is None:
                raise
            raise SetupError(words) from failure

    def _words(self, failure: BaseException) -> str | None:
        """What is wrong, for people; None where it is no fault of the folder's."""
        cause = _cause(failure)
        if isinstance(cause, OSError):
            return self._words_of_system(cause)
        if not isinstance(cause, sqlite3.Error):
            return None
        kind = getattr(cause, "sqlite_errorcode", 0) & _FIRST_BYTE
        if kind not in _SQLITE_WORDS:
            return None
        with suppress(OSError):
            if self.free_bytes()[0] < _NO_ROOM_BYTES:
                return self._full()
        for path in (self.path, self.database, *self._beside(self.database)):
            if _is_there(path) and not os.access(path, os.R_OK | os.W_OK):
                return self._closed(path)
        return f"the database {self.database} {_SQLITE_WORDS[kind]}"

    def _words_of_system(self, failure: OSError) -> str:
        place = Path(os.fsdecode(failure.filename)) if failure.filename is not None else self.path
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            return self._full()
        if failure.errno in (errno.EACCES, errno.EPERM):
            return self._closed(place)
        if failure.errno in (errno.ENOTDIR, errno.EEXIST):
            found = next((path for path in (place, *place.parents) if _is_there(path)), place)
            return f"the {self.kind} {self.path} cannot be used: {found} is not a folder"
        if failure.errno == errno.EROFS:
            return self._read_only()
        return f"the {self.kind} {self.path} cannot be used: {place}: {failure.strerror}"

    def _closed(self, path: Path) -> str:
        """Why a path is closed to this process: whoever owns it, nothing is written on a disk that is read-only."""
        with suppress(OSError):
            if os.statvfs(path).f_flag & os.ST_RDONLY:
                return self._read_only()
        return _not_ours(path)

    def _read_only(self) -> str:
        return f"the {self.kind} {self.path} cannot be used: its disk is read-only"

    def _full(self) -> str:
        free, total = self.free_bytes()
        return f"the {self.kind} {self.path} cannot be used: its disk is full ({free} of {total} bytes are free)"

    def _close_to_others(self) -> None:
        """Take from others what they could do with files that were made under a wide umask."""
        os.close(os.open(self.database, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _OWNER_ONLY))
        for path in (self.secret, self.settings, self.database, *self._beside(self.database)):
            _narrow(path, _OWNER_ONLY)
        # A folder that has other things in it, such as /tmp, is not ours to close.
        if all(entry.name.startswith(_OWN_NAMES) for entry in self.path.iterdir()):
            _narrow(self.path, _FOLDER_OF_OWNER)

    @staticmethod
    def _beside(database: Path) -> Iterator[Path]:
        return (database.with_name(f"{database.name}-{part}") for part in ("wal", "shm"))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, and wait until it is on the disk; OSError, FileExistsError."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _OWNER_ONLY), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _narrow(path: Path, mode: int) -> None:
    with suppress(FileNotFoundError, PermissionError):  # not there, or somebody else's who let us in
        found = stat.S_IMODE(path.stat().st_mode)
        if found & ~mode:
            path.chmod(found & mode)


def _is_there(path: Path) -> bool:
    with suppress(OSError):
        return path.exists()
    return False


def _cause(failure: BaseException) -> BaseException:
    """The system's or the driver's own failure below ours and SQLAlchemy's."""
    cause: BaseException | None = failure
    while isinstance(cause, (DBAPIError, StoreUnavailableError)):
        failure = cause
        cause = cause.orig if isinstance(cause, DBAPIError) else cause.__cause__
    return failure if cause is None else cause


def _not_ours(path: Path) -> str:
    try:
        owner = _user(path.stat().st_uid)
    except OSError:  # a folder above it is closed to us
        return f"{path} cannot be reached by the user {_user(os.geteuid())}: a folder above it is closed to them"
    return f"{path} belongs to the user {owner} and cannot be used by {_user(os.geteuid())}, who runs this command"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
