"""Where rows and files live and how tasks are delivered: in the data folder, or in servers that machines share."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import BinaryIO

from sqlalchemy import Engine

from leanpix.bootstrap.rows import Rows
from leanpix.domain.errors import SetupError
from leanpix.domain.formats import OutputFormat
from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.signals import LocalSignals
from leanpix.service.admin import Admin
from leanpix.service.installed_secret import admit_secret, needs_its_secret
from leanpix.service.keys import SecretHasher
from leanpix.service.ports import Blobs
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.signing import WebhookSecrets
from leanpix.settings import Settings
from leanpix.stores.data_folder import DataFolder
from leanpix.stores.database_url import database_named, told_where
from leanpix.stores.files.blobs import LocalBlobs
from leanpix.stores.files.s3 import S3Blobs
from leanpix.stores.sql.database import SqlDatabase, sqlite_database, sqlite_engine
from leanpix.stores.sql.schema import migrate
from leanpix.stores.sql.sqlite_rate_limits import SqliteRateLimits
from leanpix.telemetry.logging import log_failure


@dataclass(frozen=True, slots=True)
class Stores:
    """What every command shares: the rows, the files, the secret. lock: open as long as the folder is ours."""

    settings: Settings
    rows: Rows
    blobs: Blobs
    secret: bytes = field(repr=False)
    lock: BinaryIO | None = None

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
        files = self.settings.store_url or DataFolder(self.settings.data_dir.resolve()).files
        return f"rows in {rows_named(self.settings)}, files in {files}"

    @property
    def hasher(self) -> SecretHasher:
        """The hasher of key secrets."""
        return SecretHasher(b"leanpix key pepper" + self.secret)

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

    def close(self) -> None:
        """Stop listening, remove what is to be discarded, and close the database."""
        if self.rows.listener is not None:
            self.rows.listener.stop()
        self.blobs.close()
        self.rows.close()
        if self.lock is not None:
            self.lock.close()


def open_stores(settings: Settings, *, serves: bool = False) -> Stores:
    """Open what the settings name; the data folder's database and secret are made where they are missing.

    serves: keep the data folder for this process. SetupError where a shared database has not been migrated or cannot
    be reached, the data folder cannot be used or is in use, the secret is another than the database's, or an extra is
    missing.
    """
    _refuse_missing_parts(settings)
    folder = DataFolder(settings.data_dir.resolve())
    with ExitStack() as undo:
        if settings.database_url is None or settings.store_url is None:
            folder.make()
        is_alone = serves and settings.database_url is None
        lock = undo.enter_context(folder.lock()) if is_alone else None
        rows = _rows(settings, folder)
        undo.callback(rows.close)
        with folder.told():
            blobs = _blobs(settings, folder)
        secret = _secret(settings, folder, rows.database)
        undo.pop_all()
    return Stores(settings, rows, blobs, secret, lock)


def has_database(settings: Settings) -> bool:
    """Whether there is a database already, or one that is shared; SetupError where that cannot be seen."""
    return settings.database_url is not None or DataFolder(settings.data_dir.resolve()).has_database()


def migrate_database(settings: Settings) -> str | None:
    """Bring the database to this version's schema; the revision it was at before, None where it was empty."""
    folder = DataFolder(settings.data_dir.resolve())
    if settings.database_url is None:
        folder.make()
    engine = _migrating_engine(settings, folder)
    try:
        with _told(settings, folder):
            return migrate(engine)
    finally:
        engine.dispose()


def _migrating_engine(settings: Settings, folder: DataFolder) -> Engine:
    if settings.database_url is not None:
        _require_cluster_extra()
        from leanpix.bootstrap.shared import migrating_engine  # noqa: PLC0415 - see there

        return migrating_engine(settings.database_url)
    return sqlite_engine(folder.database)


def _refuse_missing_parts(settings: Settings) -> None:
    if OutputFormat.JXL in settings.formats_written and find_spec("imagecodecs") is None:
        raise SetupError("LEANPIX_EXTRA_FORMATS=jxl needs the extra: pip install 'leanpix[jxl]'")
    if settings.policy_url is not None:
        from leanpix.fetching.review import required  # noqa: PLC0415 - its HTTP library takes a while

        required(settings, settings.public_url)
    if settings.database_url is not None and settings.secret is None:
        raise SetupError("LEANPIX_SECRET is missing: nodes that share a database have to share this secret too")


def _require_cluster_extra() -> None:
    if find_spec("psycopg") is None or find_spec("procrastinate") is None:
        raise SetupError("LEANPIX_DATABASE_URL needs the extra: pip install 'leanpix[cluster]'")


def _rows(settings: Settings, folder: DataFolder) -> Rows:
    local = LocalSignals()
    if settings.database_url is not None:
        _require_cluster_extra()
        from leanpix.bootstrap.shared import shared_rows  # noqa: PLC0415 - see there

        return shared_rows(settings, settings.database_url, local)
    with folder.told():
        database = sqlite_database(folder.database)
        rates = SqliteRateLimits(folder.rates, time.time)
    return Rows(
        database,
        rates,
        local,
        local,
        partial(EmbeddedTaskQueue, database, local, log_failure),
        lambda: None,
        close_rates=rates.close,
    )


def _blobs(settings: Settings, folder: DataFolder) -> Blobs:
    if settings.store_url is None:
        return LocalBlobs(folder.files, settings.min_free_share, sync=settings.sync_files)
    return S3Blobs(
        settings.store_url, patience_s=2 * settings.patience_s, presigns=settings.presign, on_error=log_failure
    )


def _secret(settings: Settings, folder: DataFolder, database: SqlDatabase) -> bytes:
    """The secret behind keys and links; SetupError where it is not this database's."""
    rows = rows_named(settings)
    if settings.secret is not None:
        found, place = settings.secret.encode(), "LEANPIX_SECRET"
    else:
        kept, place = folder.kept_secret(), str(folder.secret)
        with _told(settings, folder):
            is_lost = kept is None and needs_its_secret(database)
        if is_lost:
            raise SetupError(
                f"the secret that the keys in {rows} were made with is missing: put {place} back from a backup or set "
                "LEANPIX_SECRET, or give every key a new text with `leanpix new-secret`"
            )
        found = kept or folder.make_secret()
    with _told(settings, folder):
        admit_secret(database, found, place=place, rows=rows)
    return found


def _told(settings: Settings, folder: DataFolder) -> AbstractContextManager[None]:
    """Failures of whichever database it is, as a SetupError of one line."""
    return folder.told() if settings.database_url is None else told_where(settings.database_url)


def rows_named(settings: Settings) -> str:
    """Which database it is, for people; without passwords."""
    if settings.database_url is not None:
        return database_named(settings.database_url)
    return str(DataFolder(settings.data_dir.resolve()).database)
