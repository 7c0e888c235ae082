"""What `leanpix compress` can be told by the environment: by itself, for most of its start would be the service's."""

from __future__ import annotations

import os

from pydantic import ConfigDict, Field, ValidationError

from leanpix.worker.settings import WorkerSettings

PREFIX = "LEANPIX_"


class BatchSettings(WorkerSettings):
    """Each field is set by LEANPIX_ and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    server: str | None = Field(
        default=None,
        pattern=r"^https?://[^/].*$",
        description="Server that `leanpix compress` sends its pictures to; default: none, they are compressed here.",
    )
    key: str | None = Field(default=None, min_length=1, description="API key that `leanpix compress` uses there.")


class SettingsError(Exception):
    """A setting is wrong; the text names it, its value and what is allowed."""

    @classmethod
    def of(cls, failure: ValidationError) -> SettingsError:
        """What pydantic found, in words."""
        texts = [f"{PREFIX}{str(p['loc'][0]).upper()}={p['input']!r}: {p['msg']}" for p in failure.errors()]
        return cls("\n".join(texts))


def read_batch_settings(**overrides: object) -> BatchSettings:
    """The settings of the environment; an override that is None is not given. SettingsError.

    By hand, as pydantic-settings would read them: importing that takes as long as all else that the command imports.
    """
    environment = {name.upper(): value for name, value in os.environ.items()}
    told = {name: environment.get(f"{PREFIX}{name.upper()}") for name in BatchSettings.model_fields}
    given = {name: value for name, value in (told | _given(overrides)).items() if value is not None}
    try:
        return BatchSettings.model_validate(given)
    except ValidationError as failure:
        raise SettingsError.of(failure) from failure


def _given(overrides: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in overrides.items() if value is not None}
