"""The only module that names concrete adapters."""

from __future__ import annotations

import base64
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from anyio import CapacityLimiter
from starlette.applications import Starlette

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.fetching.fetcher import SafeFetcher
from leanpix.queues.embedded import EmbeddedDeliveries
from leanpix.queues.signals import LocalSignals
from leanpix.service.admin import Admin
from leanpix.service.execute import Execute
from leanpix.service.keys import Keyring, SecretHasher
from leanpix.service.links import Links
from leanpix.service.maintain import Reaper, Sweeper
from leanpix.service.query import Query
from leanpix.service.submit import QueueBounds, Submit
from leanpix.settings import Settings
from leanpix.stores.blobs import LocalBlobs
from leanpix.stores.database import SqlDatabase, sqlite_database
from leanpix.stores.limits import SqlRateLimits, sqlite_rates
from leanpix.telemetry.logging import log_failure
from leanpix.web.app import make_app
from leanpix.web.context import Context
from leanpix.worker.inventory import inventory
from leanpix.worker.loop import Housekeeping, Worker
from leanpix.worker.pool import CompressorPool

_API_THREADS = 16
_TRIAL_S = 30.0
# An 8 x 8 gray PNG, small enough to be carried along.
_TRIAL_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR4nGNogAIGyhgAgIQgAQ2AJGEAAAAASUVORK5CYII="
)


@dataclass(frozen=True, slots=True)
class Stores:
    """What every command shares: the database, the files, the secret."""

    settings: Settings
    database: SqlDatabase
    rates: SqlRateLimits
    blobs: LocalBlobs
    signals: LocalSignals
    secret: bytes

    @property
    def hasher(self) -> SecretHasher:
        """The hasher of key secrets."""
        return SecretHasher(b"leanpix key pepper" + self.secret)

    @property
    def links(self) -> Links:
        """The signer of result links."""
        return Links(b"leanpix result links" + self.secret, time.time, self.settings.public_url)

    @property
    def admin(self) -> Admin:
        """The key administration."""
        return Admin(self.database, self.hasher, time.time, self.settings.default_qps)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_stores(settings: Settings) -> Stores:
    """Open, and where they are missing make, the data folder, the database and the secret."""
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = sqlite_database(folder / "leanpix.db")
    return Stores(
        settings,
        database,
        SqlRateLimits(sqlite_rates(folder / "rates.db"), time.time),
        LocalBlobs(folder / "files", settings.min_free_share),
        LocalSignals(),
        _secret(settings, folder),
    )


def make_pool(settings: Settings) -> CompressorPool:
    """The killable processes that decode and encode."""
    return CompressorPool(settings)


def make_worker(stores: Stores, pool: CompressorPool) -> Worker:
    """A worker over these stores."""
    settings, stopping = stores.settings, Event()
    execute = Execute(
        database=stores.database,
        blobs=stores.blobs,
        fetcher=SafeFetcher(settings),
        compressor=pool,
        signals=stores.signals,
        links=stores.links,
        owner=f"{os.getpid()}-{secrets.token_hex(4)}",
        timeout_s=settings.task_timeout_s,
        now=time.time,
        monotonic=time.monotonic,
        stopping=stopping,
    )
    return Worker(
        database=stores.database,
        deliveries=EmbeddedDeliveries(stores.database, stores.signals, log_failure),
        execute=execute,
        pool=pool,
        concurrency=settings.workers,
        heartbeat_s=settings.heartbeat_s,
        grace_s=settings.shutdown_grace_s,
        stopping=stopping,
        on_error=log_failure,
    )


def make_housekeeping(stores: Stores) -> Housekeeping:
    """The thread that hands on the tasks of dead workers and removes what is past its time."""
    settings = stores.settings
    return Housekeeping(
        Reaper(stores.database, stores.signals, settings.stale_s, time.time, time.monotonic),
        Sweeper(
            stores.database,
            stores.blobs,
            stores.signals,
            settings.retention_s,
            settings.longest_wait_s,
            time.time,
            time.monotonic,
        ),
        settings.heartbeat_s,
        time.monotonic,
        log_failure,
    )


def make_api(stores: Stores, pool: CompressorPool | None) -> Starlette:
    """The HTTP application over these stores; pool None where this process has no workers."""
    settings = stores.settings
    bounds = QueueBounds(settings.queue_max_per_key, settings.queue_max)
    context = Context(
        settings=settings,
        keyring=Keyring(stores.database, stores.hasher, time.monotonic),
        submit=Submit(stores.database, stores.rates, stores.blobs, stores.signals, bounds, time.time),
        query=Query(stores.database, stores.rates, settings.retention_s, time.time),
        admin=stores.admin,
        links=stores.links,
        blobs=stores.blobs,
        ends=stores.signals,
        readiness=lambda: _readiness(stores, pool),
        threads=CapacityLimiter(_API_THREADS),
    )
    return make_app(context)


def _readiness(stores: Stores, pool: CompressorPool | None) -> tuple[bool, Mapping[str, str]]:
    checks = {} if pool is None else {f"sandbox.{layer}": state for layer, state in pool.status().items()}
    with stores.database.reading() as view:
        view.accounts.any()
    has_room = stores.blobs.has_room()
    checks["disk"] = "ok" if has_room else "off: less free space than LEANPIX_MIN_FREE_SHARE asks for"
    return has_room, checks


def _secret(settings: Settings, folder: Path) -> bytes:
    if settings.secret is not None:
        return settings.secret.encode()
    path = folder / "secret"
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        pass
    return path.read_text().encode()


def describe_installation(settings: Settings) -> tuple[dict[str, Mapping[str, str]], bool]:
    """Sections of names and values for people, and whether a picture can be compressed here."""
    with make_pool(settings) as pool:
        protection = pool.status()
        works, trial = _trial(pool)
    folder = settings.data_dir.resolve()
    kept = {
        "data folder": f"{folder}{'' if folder.exists() else ' (made at the first start)'}",
        "database": str(folder / "leanpix.db"),
        "sources and results": f"{folder / 'files'}, results for {settings.retention_s:g} s",
    }
    return {"Engine": inventory(), "Protection": protection, "Data": kept, "Trial": {"compression": trial}}, works


def _trial(pool: CompressorPool) -> tuple[bool, str]:
    try:
        done = pool.run(_TRIAL_PICTURE, CompressionOptions(format=OutputFormat.WEBP, quality=80), timeout_s=_TRIAL_S)
    except TaskFailure as failure:
        return False, f"failed: {failure}"
    return True, f"ok ({done.report.source_bytes} bytes in, {done.report.result_bytes} bytes out)"
