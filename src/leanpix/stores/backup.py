"""A copy of a data folder as it was at one moment, taken while its server works, and put back.

The database alone is no backup: most of it lies in its write-ahead log, its keys are of no use without the secret, and
a task that is still owed needs its source. So one moment is held for all of them: SQLite's writer is kept out while the
files are given second names (hard links) and a reader's view of the database begins. Nothing is copied meanwhile, and
the copying afterwards takes as long as it likes.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from leanpix.domain.errors import SetupError
from leanpix.stores.data_folder import DataFolder, write_private
from leanpix.stores.sql.database import refuse_damaged, refuse_newer

_CONTENTS = "backup.json"
_BUSY_S = 30.0  # as long as the server's own writers wait
_LONGEST_S = 86400.0
_FOLDER_OF_OWNER = 0o700


@dataclass(frozen=True, slots=True)
class BackupContents:
    """What a backup holds. made_at: Unix seconds; files: sources and results that tasks are still owed."""

    version: str
    schema: str
    made_at: int
    keys: int
    tasks: int
    files: int
    bytes: int
    secret: str  # where the secret is: `secret`, or LEANPIX_SECRET in settings.env


def take_backup(  # noqa: PLR0913 - what only the caller knows
    folder: DataFolder, place: Path, *, version: str, now: float, own_settings: str, own_secrets: str, with_files: bool
) -> BackupContents:
    """Copy the folder to a place that is not there yet, or empty; SetupError.

    The place appears when it is whole, for its owner alone. own_settings: where no server has left its settings.
    own_secrets: those that this process was given; a server leaves none behind. with_files False: sources and results
    are kept elsewhere.
    """
    _remove_leftovers(folder, now)
    target = DataFolder(place, "backup")
    with target.told():
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise SetupError(f"{place} is there already: name a new folder for the backup")
        place.parent.mkdir(parents=True, exist_ok=True)
    made = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
    try:
        with folder.told(), _moment(folder, with_files=with_files) as (view, links), target.told():
            made.mkdir(mode=_FOLDER_OF_OWNER)
            _copy_database(view, made / folder.database.name)
            owed = _owed(made / folder.database.name)
            files = _copy_files(links, made / folder.files.name, owed)
            if folder.secret.exists():
                write_private(made / folder.secret.name, folder.secret.read_text())
            kept_settings = folder.settings.read_text() if folder.settings.exists() else own_settings
            write_private(made / folder.settings.name, kept_settings + own_secrets)
            contents = _contents(made / folder.database.name, files, folder, version=version, now=now)
            write_private(made / _CONTENTS, json.dumps(asdict(contents), indent=1) + "\n")
            _to_disk(made)
            made.replace(place)
            _to_disk(place.parent, deep=False)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return contents


def restore_backup(place: Path, folder: DataFolder) -> BackupContents:
    """Put a backup into a data folder that has no database; SetupError."""
    source = DataFolder(place, "backup")
    with source.told():
        if not (place / _CONTENTS).exists():
            raise SetupError(f"{place} is no backup of leanpix: it has no {_CONTENTS}")
        try:
            contents = BackupContents(**json.loads((place / _CONTENTS).read_text()))
        except (ValueError, TypeError) as failure:
            raise SetupError(f"{place / _CONTENTS} is damaged, or of a newer version of leanpix") from failure
        refuse_damaged(source.database, at_most_bytes=contents.bytes)
        refuse_newer(contents.schema, source.database)
    if folder.has_database():
        raise SetupError(f"there is a database in {folder.path} already: move that folder away first")
    with folder.told():
        folder.path.mkdir(parents=True, exist_ok=True, mode=_FOLDER_OF_OWNER)
        with folder.lock():
            _put_back(source, folder)
    return contents


def settings_text(settings: Mapping[str, str]) -> str:
    """Settings as a shell and systemd's EnvironmentFile read them, a line each."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())


def _remove_leftovers(folder: DataFolder, now: float) -> None:
    """Second names that a backup which was killed has left: they would keep the disk full."""
    for left in folder.path.glob("backup-*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < now - _LONGEST_S:
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _moment(folder: DataFolder, *, with_files: bool) -> Iterator[tuple[sqlite3.Connection, Path]]:
    """The database as it is now, and a folder with second names of all files that are there now."""
    links = folder.path / f"backup-{secrets.token_hex(4)}"
    with (
        closing(sqlite3.connect(folder.database, timeout=_BUSY_S, isolation_level=None)) as writer,
        closing(sqlite3.connect(folder.database, timeout=_BUSY_S, isolation_level=None)) as view,
    ):
        try:
            links.mkdir(mode=_FOLDER_OF_OWNER)
            writer.execute("BEGIN IMMEDIATE")  # nobody ends a task, and so no file of one goes
            view.execute("BEGIN")
            view.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the view begins here
            if with_files and folder.files.exists():
                shutil.copytree(folder.files, links, dirs_exist_ok=True, copy_function=_link_or_copy)
            writer.execute("ROLLBACK")
            yield view, links
        finally:
            shutil.rmtree(links, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> str:
    """A second name for the file; a copy where the file system has none. One that is gone meanwhile is not owed."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        pass
    except OSError:
        shutil.copyfile(source, target)
    return target


def _copy_database(view: sqlite3.Connection, target: Path) -> None:
    write_private(target, "")
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        view.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself
    view.execute("ROLLBACK")


def _owed(database: Path) -> frozenset[str]:
    """The ids of tasks whose files are still wanted: those that are kept, and those that batches are yet to make."""
    with closing(sqlite3.connect(database)) as copy:
        rows = copy.execute("SELECT id FROM tasks UNION SELECT task_id FROM batch_items")
        return frozenset(row[0] for row in rows)


def _copy_files(links: Path, target: Path, owed: frozenset[str]) -> list[Path]:
    target.mkdir(mode=_FOLDER_OF_OWNER)
    wanted = [path for path in links.rglob("*") if path.is_file() and path.relative_to(links).parts[1] in owed]
    for path in wanted:
        place = target / path.relative_to(links)
        place.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_OF_OWNER)
        shutil.copyfile(path, place)
    return wanted


def _contents(database: Path, files: list[Path], folder: DataFolder, *, version: str, now: float) -> BackupContents:
    with closing(sqlite3.connect(database)) as copy:
        schema, keys, tasks = (
            copy.execute(query).fetchone()[0]
            for query in (
                "SELECT version_num FROM alembic_version",
                "SELECT count(*) FROM accounts",
                "SELECT count(*) FROM tasks",
            )
        )
    size = database.stat().st_size + sum(path.stat().st_size for path in files)
    secret = folder.secret.name if folder.secret.exists() else "LEANPIX_SECRET"
    return BackupContents(version, schema, int(now), keys, tasks, len(files), size, secret)


def _put_back(source: DataFolder, folder: DataFolder) -> None:
    """The database last: a restore that was cut short has none, and can be done again."""
    if source.files.exists():
        shutil.copytree(source.files, folder.files, dirs_exist_ok=True)
    for kept, place in ((source.secret, folder.secret), (source.database, folder.database)):
        if kept.exists():
            made = place.with_name(f"{place.name}-{secrets.token_hex(4)}")
            write_private(made, "")
            shutil.copyfile(kept, made)
            _to_disk(made)
            made.replace(place)
    _to_disk(folder.path)


def _to_disk(place: Path, *, deep: bool = True) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk itself."""
    for path in (place, *(place.rglob("*") if deep and place.is_dir() else ())):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
