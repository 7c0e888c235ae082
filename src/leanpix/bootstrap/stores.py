"""Where rows and files live and how tasks are delivered: in the data folder, or in servers that machines share."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Engine

from leanpix.bootstrap.rows import Rows
from leanpix.domain.errors import SetupError
from leanpix.domain.formats import OutputFormat
from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.signals import LocalSignals
from leanpix.service.admin import Admin
from leanpix.service.keys import SecretHasher
from leanpix.service.ports import Blobs
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.signing import WebhookSecrets
from leanpix.settings import Settings
from leanpix.stores.files.blobs import LocalBlobs
from leanpix.stores.files.s3 import S3Blobs
from leanpix.stores.sql.database import SqlDatabase, sqlite_database, sqlite_engine
from leanpix.stores.sql.schema import migrate
from leanpix.stores.sql.sqlite_rate_limits import SqliteRateLimits
from leanpix.telemetry.logging import log_failure


@dataclass(frozen=True, slots=True)
class Stores:
    """What every command shares: the rows, the files, the secret."""

    settings: Settings
    rows: Rows
    blobs: Blobs
    secret: bytes = field(repr=False)

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
        folder = self.settings.data_dir.resolve()
        rows = "PostgreSQL" if self.is_shared else f"{folder / 'leanpix.db'}"
        return f"rows in {rows}, files in {self.settings.store_url or folder / 'files'}"

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
        self.rows.close_rates()
        self.blobs.close()
        self.database.close()


def open_stores(settings: Settings) -> Stores:
    """Open what the settings name; the data folder's database and secret are made where they are missing.

    SetupError where a shared database has not been migrated, cannot be reached, or the secret or an extra is missing.
    """
    secret = _secret(settings)
    if OutputFormat.JXL in settings.formats_written and find_spec("imagecodecs") is None:
        raise SetupError("LEANPIX_EXTRA_FORMATS=jxl needs the extra: pip install 'leanpix[jxl]'")
    if settings.policy_url is not None:
        from leanpix.fetching.review import required  # noqa: PLC0415 - its HTTP library takes a while

        required(settings, settings.public_url)
    if settings.database_url is None or settings.store_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Stores(settings, _rows(settings), _blobs(settings), secret or _kept_secret(settings.data_dir))


def migrate_database(settings: Settings) -> str | None:
    """Bring the database to this version's schema; the revision it was at before, None where it was empty."""
    engine = _migrating_engine(settings)
    try:
        return migrate(engine)
    finally:
        engine.dispose()


def _migrating_engine(settings: Settings) -> Engine:
    if settings.database_url is not None:
        _require_cluster_extra()
        from leanpix.bootstrap.shared import migrating_engine  # noqa: PLC0415 - see there

        return migrating_engine(settings.database_url)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return sqlite_engine(settings.data_dir / "leanpix.db")


def _require_cluster_extra() -> None:
    if find_spec("psycopg") is None or find_spec("procrastinate") is None:
        raise SetupError("LEANPIX_DATABASE_URL needs the extra: pip install 'leanpix[cluster]'")


def _rows(settings: Settings) -> Rows:
    local = LocalSignals()
    if settings.database_url is not None:
        _require_cluster_extra()
        from leanpix.bootstrap.shared import shared_rows  # noqa: PLC0415 - see there

        return shared_rows(settings, settings.database_url, local)
    path = settings.data_dir / "leanpix.db"
    database = sqlite_database(path)
    rates = SqliteRateLimits(settings.data_dir / "rates.db", time.time)
    return Rows(
        database,
        rates,
        local,
        local,
        partial(EmbeddedTaskQueue, database, local, log_failure),
        lambda: None,
        close_rates=rates.close,
    )


def _blobs(settings: Settings) -> Blobs:
    if settings.store_url is None:
        return LocalBlobs(settings.data_dir / "files", settings.min_free_share, sync=settings.sync_files)
    return S3Blobs(
        settings.store_url, patience_s=2 * settings.patience_s, presigns=settings.presign, on_error=log_failure
    )


def _secret(settings: Settings) -> bytes | None:
    if settings.secret is not None:
        return settings.secret.encode()
    if settings.database_url is not None:
        raise SetupError("LEANPIX_SECRET is missing: nodes that share a database have to share this secret too")
    return None


def _kept_secret(folder: Path) -> bytes:
    path = folder / "secret"
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        pass
    return path.read_text().encode()
