"""What an installation is made of, for `leanpix doctor`."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from leanpix.bootstrap.pools import make_pool
from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.settings import Settings
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.inventory import inventory

_TRIAL_S = 30.0
# An 8 x 8 gray PNG, small enough to be carried along.
_TRIAL_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR4nGNogAIGyhgAgIQgAQ2AJGEAAAAASUVORK5CYII="
)


def describe_installation(settings: Settings) -> tuple[dict[str, Mapping[str, str]], bool]:
    """Sections of names and values for people, and whether a picture can be compressed here."""
    with make_pool(settings) as pool:
        protection = {**pool.status(), "memory": pool.memory}
        works, trial = _trial(pool)
    folder = settings.data_dir.resolve()
    database = str(folder / "leanpix.db") if settings.database_url is None else "PostgreSQL, by LEANPIX_DATABASE_URL"
    files = settings.store_url or folder / "files"
    taken = {"formats a request may name": ", ".join(settings.formats_written)}
    kept = {
        "data folder": f"{folder}{'' if folder.exists() else ' (made at the first start)'}",
        "database": database,
        "sources and results": f"{files}, results for {settings.retention_s:g} s",
    }
    engine = {"Engine": inventory(), "API": taken, "Protection": protection}
    return {**engine, "Data": kept, "Trial": {"compression": trial}}, works


def _trial(pool: CompressorPool) -> tuple[bool, str]:
    try:
        done = pool.run(_TRIAL_PICTURE, CompressionOptions(format=OutputFormat.WEBP, quality=80), timeout_s=_TRIAL_S)
    except TaskFailure as failure:
        return False, f"failed: {failure}"
    return True, f"ok ({done.report.source_bytes} bytes in, {done.report.result_bytes} bytes out)"
