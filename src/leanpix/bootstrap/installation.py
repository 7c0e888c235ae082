"""What an installation is made of, for `leanpix doctor`."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from leanpix.bootstrap.examination import examined
from leanpix.bootstrap.extras import EXTRAS
from leanpix.bootstrap.pools import make_pool
from leanpix.domain.errors import SetupError, TaskFailure
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
    """Sections of names and values for people, and whether a server could start and compress a picture here."""
    protection, works, trial = _tried(settings)
    folder = settings.data_dir.resolve()
    files = settings.store_url or folder / "files"
    data, is_usable = examined(settings)
    taken = {"formats a request may name": ", ".join(settings.formats_written)}
    kept = {
        "data folder": str(folder),
        **data,
        "sources and results": f"{files}, results for {settings.retention_s:g} s",
    }
    extras = {name: extra.in_words for name, extra in EXTRAS.items()}
    engine = {"Engine": inventory(), "Extras": extras, "API": taken, "Protection": protection}
    return {**engine, "Data": kept, "Trial": {"compression": trial}}, works and is_usable


def _tried(settings: Settings) -> tuple[Mapping[str, str], bool, str]:
    """What protects the processes that decode, and whether one of them compresses a picture."""
    try:
        with make_pool(settings) as pool:
            return {**pool.status(), "memory": pool.memory}, *_trial(pool)
    except SetupError as failure:
        return {"processes": f"failed: {failure}"}, False, "not tried: there is no process to try it in"


def _trial(pool: CompressorPool) -> tuple[bool, str]:
    try:
        done = pool.run(_TRIAL_PICTURE, CompressionOptions(format=OutputFormat.WEBP, quality=80), timeout_s=_TRIAL_S)
    except TaskFailure as failure:
        return False, f"failed: {failure}"
    return True, f"ok ({done.report.source_bytes} bytes in, {done.report.result_bytes} bytes out)"
