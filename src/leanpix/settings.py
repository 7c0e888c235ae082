"""Every setting, composed of each package's own, read once from the environment and passed down."""

from __future__ import annotations

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from leanpix.fetching.settings import FetchSettings
from leanpix.queues.settings import QueueSettings
from leanpix.stores.settings import StoreSettings
from leanpix.telemetry.settings import TelemetrySettings
from leanpix.web.settings import WebSettings
from leanpix.worker.settings import WorkerSettings

PREFIX = "LEANPIX_"


class Settings(
    WebSettings, WorkerSettings, FetchSettings, QueueSettings, StoreSettings, TelemetrySettings, BaseSettings
):
    """All of them. A Settings is each package's settings too, so every package is handed its own part."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    secret: str | None = Field(
        default=None,
        min_length=32,
        description="Secret behind key hashes and result links, the same on every node, at least 32 characters; "
        "default: a random one, kept in the data folder.",
    )
    server: str | None = Field(
        default=None,
        pattern=r"^https?://[^/].*$",
        description="Server that `leanpix compress` sends its pictures to; default: none, they are compressed here.",
    )
    key: str | None = Field(default=None, min_length=1, description="API key that `leanpix compress` uses there.")


class SettingsError(Exception):
    """A setting is wrong; the text names it, its value and what is allowed."""


def read_settings(**overrides: object) -> Settings:
    """The settings of the environment; an override that is None is not given. SettingsError."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(Settings(**given))  # type: ignore[arg-type] # checked by pydantic itself
    except ValidationError as failure:
        raise SettingsError("\n".join(_described(failure))) from failure


def _described(failure: ValidationError) -> list[str]:
    return [f"{PREFIX}{str(p['loc'][0]).upper()}={p['input']!r}: {p['msg']}" for p in failure.errors()]
