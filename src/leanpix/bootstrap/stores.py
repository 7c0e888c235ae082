"""Where rows and files live and how tasks are delivered: in the data folder, or in servers that machines share."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, TypeVar

from sqlalchemy import Engine

from leanpix.bootstrap.place import folder_of, rows_named, told
from leanpix.bootstrap.rows import Rows
from leanpix.bootstrap.secret import admitted_secret, hasher_of
from leanpix.domain.account import Account
from leanpix.domain.errors import NotYetError, SetupError, StoreUnavailableError
from leanpix.domain.room import Room
from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.signals import LocalSignals
from leanpix.service.admin import Admin
from leanpix.service.claimed_tasks import ClaimedTasks
from leanpix.service.held_sources import HeldSources
from leanpix.service.installed_secret import fingerprint_of
from leanpix.service.keys import NewKey, SecretHasher
from leanpix.service.observing import SpoolFigures
from leanpix.service.paired_blobs import PairedBlobs
from leanpix.service.pairing import MARKER_KEY, Pairing
from leanpix.service.ports import Blobs
from leanpix.service.recent_results import RecentResults
from leanpix.service.row_results import RowResults
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.signing import WebhookSecrets
from leanpix.service.spool import BytesInFlight, MemoryRoom, Spool
from leanpix.settings import Settings, settings_in_force
from leanpix.stores.backup import settings_text
from leanpix.stores.data_folder import DataFolder
from leanpix.stores.files.blobs import LocalBlobs
from leanpix.stores.process_rates import ProcessRateLimits
from leanpix.stores.sql.database import SqlDatabase, sqlite_database, sqlite_engine
from leanpix.stores.sql.schema import migrate
from leanpix.telemetry.logging import log_failure, log_unproven, log_waiting

# A picture that is done is worth a longer wait than a client has patience for.
_WORKERS_PATIENCE = 2.0
_WAIT_PAUSE_S = 0.5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stores:
    """What every command shares: the rows, the files, the secret. lock: open as long as the folder is ours.

    worker_blobs: the same files for who can wait longer for them than a client does. pairing: where others share them.
    owner: the name under which this process takes tasks. held: sources of tasks that were not promised to anybody;
    None where others may take this process's tasks. claimed: tasks that begin here as they are accepted; None where
    nothing is worked on. recent: results that have just been made here.
    """

    settings: Settings
    rows: Rows
    blobs: Blobs
    spool: Spool
    secret: bytes = field(repr=False)
    owner: str
    recent: RecentResults
    held: HeldSources | None = None
    claimed: ClaimedTasks | None = None
    lock: BinaryIO | None = None
    worker_blobs: Blobs | None = None
    pairing: Pairing | None = None

    @property
    def database(self) -> SqlDatabase:
        """The database."""
        return self.rows.database

    @property
    def is_shared(self) -> bool:
        """Whether other machines use the same database."""
        return self.settings.database_url is not None

    @property
    def place(self) -> str:
        """Where data is, for people; without passwords."""
        return f"rows in {rows_named(self.settings)}, files in {files_named(self.settings)}"

    @property
    def hasher(self) -> SecretHasher:
        """The hasher of key secrets."""
        return hasher_of(self.secret)

    @property
    def webhook_secrets(self) -> WebhookSecrets:
        """The secrets that sign webhooks."""
        return WebhookSecrets(b"leanpix webhooks" + self.secret)

    @property
    def links(self) -> SignedUrls:
        """The signer of result links."""
        return SignedUrls(b"leanpix result links" + self.secret, time.time, self.settings.public_url)

    @property
    def admin(self) -> Admin:
        """The key administration."""
        return Admin(self.database, self.hasher, time.time, self.settings.default_qps)

    def spool_figures(self) -> SpoolFigures:
        """What is being received, and the disk it lies on."""
        room = _room_at(self.spool.folder, self.settings.min_free_share)
        return SpoolFigures(self.spool.budget.used, self.settings.in_flight_bytes, room)

    def rows_disk(self) -> Room:
        """The disk that the rows of a machine by itself lie on."""
        return _room_at(folder_of(self.settings).path, self.settings.min_free_share)

    def files_answer(self) -> bool:
        """Whether the file store answers right now, and is not another one; asked once."""
        try:
            self.blobs.glance(MARKER_KEY)
        except StoreUnavailableError:
            return False
        return self.pairing is None or self.pairing.refused_for is None

    def close(self) -> None:
        """Stop listening, remove what is to be discarded, and close the database."""
        if self.rows.listener is not None:
            self.rows.listener.stop()
        self.blobs.close()
        if self.worker_blobs is not None:
            self.worker_blobs.close()
        self.rows.close()
        if self.lock is not None:
            self.lock.close()


def open_stores(settings: Settings, *, serves: bool = False, works: bool = False) -> Stores:
    """Open what the settings name; the data folder's database and secret are made where they are missing.

    serves: keep the data folder for this process. works: prove that shared rows and files belong together. SetupError
    where they do not, a shared database has not been migrated or cannot be reached, the data folder cannot be used or
    is in use, the secret is another than the database's, or an extra is missing.
    """
    _refuse_missing_parts(settings)
    folder = folder_of(settings)
    with ExitStack() as undo:
        if settings.database_url is None or settings.store_url is None:
            folder.make()
        is_shared = settings.database_url is not None or settings.store_url is not None
        is_alone = serves and settings.database_url is None
        lock = undo.enter_context(folder.lock()) if is_alone else None
        rows = waited_for(lambda: _rows(settings, folder), settings.start_wait_s if works else settings.patience_s)
        undo.callback(rows.close)
        with folder.told():
            blobs = _blobs(settings, folder)
        secret = admitted_secret(settings, rows.database)
        pairing = _admitted(settings, rows, blobs, secret) if works and is_shared else None
        worker_blobs: Blobs | None = None
        if pairing is not None:
            with folder.told():
                worker_blobs = PairedBlobs(_blobs(settings, folder, _WORKERS_PATIENCE), pairing)
            blobs = PairedBlobs(blobs, pairing)
        blobs = RowResults(blobs, rows.database, rows.database.glancing)
        if worker_blobs is not None:
            worker_blobs = RowResults(worker_blobs, rows.database, rows.database.glancing)
        spool = _spool(settings, folder)
        if settings.spool_dir is not None and (serves or works):
            DataFolder(spool.folder.resolve(), "spool folder").make_bare()
        if is_alone:  # not before: what a start was refused with is no backup's business
            # Without secrets: what came by the environment is to be on no disk beside the database.
            folder.keep_settings(settings_text(settings_in_force(are_secret=False)))
        undo.pop_all()
    owner = f"{os.getpid()}-{secrets.token_hex(8)}"
    held = HeldSources(owner, spool.memory) if is_alone and settings.workers else None
    recent = RecentResults(settings.recent_result_bytes if serves else 0)
    claimed = ClaimedTasks(owner) if serves and settings.workers else None
    return Stores(settings, rows, blobs, spool, secret, owner, recent, held, claimed, lock, worker_blobs, pairing)


def adopt_store(settings: Settings) -> None:
    """Say that the database's files are in the store that is set; SetupError where either does not answer."""
    stores = open_stores(settings)
    try:
        pairing_of(settings, stores.rows, stores.blobs, stores.secret).adopt()
    except StoreUnavailableError as failure:
        raise SetupError(f"{files_named(settings)} does not answer: {_why(failure)}") from failure
    finally:
        stores.close()


def pairing_of(settings: Settings, rows: Rows, blobs: Blobs, secret: bytes) -> Pairing:
    """Whether these belong together, not looked at yet."""
    database, named = rows.database, rows_named(settings)
    return Pairing(database, database.glancing, blobs, fingerprint_of(secret), named, files_named(settings))


def files_named(settings: Settings) -> str:
    """Where files are, for people."""
    return settings.store_url or str(folder_of(settings).files)


def _admitted(settings: Settings, rows: Rows, blobs: Blobs, secret: bytes) -> Pairing:
    """Proven where the store answers; where it does not the node starts, and takes no work before it does."""
    pairing = pairing_of(settings, rows, blobs, secret)
    try:
        pairing.admit()
    except StoreUnavailableError as failure:
        log_unproven(files_named(settings), _why(failure))
    return pairing


def _spool(settings: Settings, folder: DataFolder) -> Spool:
    """On the disk of the files, which get their names there by a link; of a node without them, where it may write."""
    is_beside = settings.store_url is None
    path = settings.spool_dir or (folder.spool if is_beside else Path(tempfile.gettempdir()))

    def has_room(more_bytes: int) -> bool:
        room = _room_at(path, settings.min_free_share)
        return room.free_bytes - more_bytes >= room.kept_free_bytes

    in_flight = BytesInFlight(settings.in_flight_bytes, settings.in_flight_bytes_per_key)
    return Spool(path, in_flight, has_room, MemoryRoom(settings.memory_source_bytes))


def _room_at(path: Path, min_free_share: float) -> Room:
    """The disk of a folder that may not be there yet."""
    place = os.path.abspath(path)  # noqa: PTH100 - each upload asks
    while True:
        try:
            usage = shutil.disk_usage(place)
        except FileNotFoundError:
            place = os.path.dirname(place)  # noqa: PTH120 - the same
        else:
            return Room(usage.free, usage.total, int(min_free_share * usage.total))


def has_database(settings: Settings) -> bool:
    """Whether there is a database already, or one that is shared; SetupError where that cannot be seen."""
    return settings.database_url is not None or folder_of(settings).has_database()


def replace_secret(settings: Settings) -> list[tuple[Account, NewKey]]:
    """Make a new secret, or take LEANPIX_SECRET for it; each key that is not revoked, with its new text. SetupError.

    The secret is replaced before the rows are: where the one is done and the other is not, a start is refused, and
    doing it again mends both.
    """
    _refuse_missing_parts(settings)
    folder = folder_of(settings)
    if not has_database(settings):
        raise SetupError(f"there is no database {rows_named(settings)}: it makes its secret at its first start")
    with ExitStack() as opened:
        if settings.database_url is None:
            opened.enter_context(folder.lock())
        rows = waited_for(lambda: _rows(settings, folder), settings.patience_s)
        opened.callback(rows.close)
        secret = folder.replace_secret() if settings.secret is None else settings.secret.encode()
        with told(settings):
            admin = Admin(rows.database, hasher_of(secret), time.time, settings.default_qps)
            return admin.renew_all(fingerprint_of(secret))


def migrate_database(settings: Settings) -> str | None:
    """Bring the database to this version's schema; the revision it was at before, None where it was empty."""
    if settings.database_url is None:
        folder_of(settings).make()

    def migrated() -> str | None:
        engine = migrating_engine(settings)
        try:
            with told(settings):
                return migrate(engine)
        finally:
            engine.dispose()

    return waited_for(migrated, settings.start_wait_s)


def waited_for(step: Callable[[], T], wait_s: float) -> T:
    """What the step gives, tried again for so long while a database does not answer yet; SetupError."""
    give_up_at, is_told = time.monotonic() + wait_s, False
    while True:
        try:
            return step()
        except NotYetError as failure:
            if time.monotonic() + _WAIT_PAUSE_S > give_up_at:
                raise
            if not is_told:
                log_waiting(str(failure))
                is_told = True
        time.sleep(_WAIT_PAUSE_S)


def migrating_engine(settings: Settings) -> Engine:
    """An engine over whichever database it is, for its schema."""
    if settings.database_url is not None:
        _require_cluster_extra()
        from leanpix.bootstrap.shared import shared_engine  # noqa: PLC0415 - see there

        return shared_engine(settings, settings.database_url)
    return sqlite_engine(folder_of(settings).database)


def _refuse_missing_parts(settings: Settings) -> None:
    if settings.policy_url is not None:
        from leanpix.fetching.review import required  # noqa: PLC0415 - its HTTP library takes a while

        required(settings, settings.public_url)
    if settings.database_url is not None and settings.secret is None:
        raise SetupError("LEANPIX_SECRET is missing: nodes that share a database have to share this secret too")


def _require_cluster_extra() -> None:
    if find_spec("psycopg") is None or find_spec("procrastinate") is None:
        raise SetupError(
            "LEANPIX_DATABASE_URL needs the extra leanpix[cluster], which is not installed (docs/deployment.md, Extras)"
        )


def _rows(settings: Settings, folder: DataFolder) -> Rows:
    local = LocalSignals()
    if settings.database_url is not None:
        _require_cluster_extra()
        from leanpix.bootstrap.shared import shared_rows  # noqa: PLC0415 - see there

        return shared_rows(settings, settings.database_url, local)
    with folder.told():
        database = sqlite_database(folder.database)
    return Rows(
        database,
        ProcessRateLimits(time.monotonic),
        local,
        local,
        lambda owner: EmbeddedTaskQueue(database, local, log_failure, holder=owner),
        lambda: None,
    )


def _blobs(settings: Settings, folder: DataFolder, patience: float = 1.0) -> Blobs:
    """The files; patience: times LEANPIX_PATIENCE_S."""
    if settings.store_url is None:
        return LocalBlobs(folder.files, settings.min_free_share, sync=settings.sync_files)
    from leanpix.stores.files.s3 import S3Blobs  # noqa: PLC0415 - 5 MB that a folder does without

    return S3Blobs(
        settings.store_url, patience_s=patience * settings.patience_s, presigns=settings.presign, on_error=log_failure
    )


def _why(failure: StoreUnavailableError) -> str:
    from leanpix.stores.files.s3 import s3_cause  # noqa: PLC0415 - see above

    return s3_cause(failure)
