"""Every setting, composed of each package's own, read once from the environment and passed down."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ConfigDict, Field

from leanpix.batch_settings import PREFIX, BatchSettings, SettingsError, settings_of
from leanpix.fetching.settings import FetchSettings
from leanpix.queues.settings import QueueSettings
from leanpix.stores.settings import StoreSettings
from leanpix.telemetry.settings import TelemetrySettings
from leanpix.web.settings import WebSettings

__all__ = ["PREFIX", "Settings", "SettingsError", "read_settings", "settings_in_force", "unknown_settings"]

# What Kubernetes puts into the environment of each pod for a service whose name begins with `leanpix`.
_OF_KUBERNETES = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_(TCP|UDP|SCTP)\w*)")


class Settings(WebSettings, BatchSettings, FetchSettings, QueueSettings, StoreSettings, TelemetrySettings):
    """All of them. A Settings is each package's settings too, so every package is handed its own part."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    secret: str | None = Field(
        default=None,
        min_length=32,
        repr=False,
        description="Secret behind key hashes and result links, the same on every node, at least 32 characters; "
        "default: a random one, kept in the data folder.",
    )


def read_settings(**overrides: object) -> Settings:
    """The settings of the environment; an override that is None is not given. SettingsError."""
    return settings_of(Settings, overrides)


def unknown_settings(environment: Iterable[str] | None = None) -> list[str]:
    """A line for each name in the environment that looks like a setting and is none, with the one that is meant."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    names = (name.upper() for name in (os.environ if environment is None else environment))
    unknown = sorted({name for name in names if name.startswith(PREFIX)} - known)
    return [_named(name, known) for name in unknown if not _OF_KUBERNETES.fullmatch(name)]


def _named(name: str, known: Iterable[str]) -> str:
    # Compared without what all names share: it would make any two of them look alike.
    own = {one.removeprefix(PREFIX): one for one in known}
    near = get_close_matches(name.removeprefix(PREFIX), own, n=1)
    return f"{name} is no setting and is ignored" + (f": is {own[near[0]]} meant?" if near else "")


def settings_in_force(*, are_secret: bool) -> dict[str, str]:
    """The environment's settings by their names, as they are written there: what a new place has to set again.

    are_secret: those whose values are secrets, or the others. Without the data folder: that is what another place is
    about.
    """
    fields = {name: field for name, field in Settings.model_fields.items() if name != "data_dir"}
    known = {f"{PREFIX}{name.upper()}" for name, field in fields.items() if field.repr is not are_secret}
    return {name.upper(): value for name, value in sorted(os.environ.items()) if name.upper() in known and value}
