"""Every setting, composed of each package's own, read once from the environment and passed down."""

from __future__ import annotations

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from leanpix.batch_settings import PREFIX, BatchSettings, SettingsError
from leanpix.fetching.settings import FetchSettings
from leanpix.queues.settings import QueueSettings
from leanpix.stores.settings import StoreSettings
from leanpix.telemetry.settings import TelemetrySettings
from leanpix.web.settings import WebSettings

__all__ = ["PREFIX", "Settings", "SettingsError", "read_settings"]


class Settings(
    WebSettings, BatchSettings, FetchSettings, QueueSettings, StoreSettings, TelemetrySettings, BaseSettings
):
    """All of them. A Settings is each package's settings too, so every package is handed its own part."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    secret: str | None = Field(
        default=None,
        min_length=32,
        description="Secret behind key hashes and result links, the same on every node, at least 32 characters; "
        "default: a random one, kept in the data folder.",
    )


def read_settings(**overrides: object) -> Settings:
    """The settings of the environment; an override that is None is not given. SettingsError."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(Settings(**given))  # type: ignore[arg-type] # checked by pydantic itself
    except ValidationError as failure:
        raise SettingsError.of(failure) from failure
