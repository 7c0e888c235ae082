"""What `leanpix compress` can be told by the environment: by itself, for most of its start would be the service's."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leanpix.setting_types import WebUrl
from leanpix.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "LEANPIX_"
_PASSWORD = re.compile(r"//[^/@\s]*@")


class BatchSettings(WorkerSettings):
    """Each field is set by LEANPIX_ and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    server: WebUrl | None = Field(
        default=None,
        description="Server that `leanpix compress` sends its pictures to; default: none, they are compressed here.",
    )
    key: str | None = Field(
        default=None, min_length=1, repr=False, description="API key that `leanpix compress` uses there."
    )
    mcp_key: str | None = Field(
        default=None,
        min_length=1,
        repr=False,
        description="Key that `leanpix mcp --http` asks its clients for, as `Authorization: Bearer KEY`.",
    )


class SettingsError(Exception):
    """A setting is wrong; the text names it, its value and what is allowed. The values of secrets are not shown."""

    @classmethod
    def of(cls, failure: ValidationError, model: type[BaseModel]) -> SettingsError:
        """What pydantic found, in words, a line for each setting of this model."""
        return cls("\n".join(_in_words(problem, model) for problem in failure.errors()))


def _in_words(problem: ErrorDetails, model: type[BaseModel]) -> str:
    name = str(problem["loc"][0])
    field = model.model_fields.get(name)
    shown = f"{problem['input']!r}" if field is not None and field.repr else "(not shown)"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{name.upper()}={_PASSWORD.sub('//...@', shown)}: {message}{_hint(problem['input'])}"


def _hint(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("tcp://"):
        return ""
    return " (Kubernetes sets this for a service of that name: give the pod enableServiceLinks: false)"


def read_batch_settings(**overrides: object) -> BatchSettings:
    """The settings of the environment; an override that is None is not given. SettingsError.

    By hand, as pydantic-settings would read them: importing that takes as long as all else that the command imports.
    """
    environment = {name.upper(): value for name, value in os.environ.items()}
    told = {name: environment.get(f"{PREFIX}{name.upper()}") or None for name in BatchSettings.model_fields}
    given = {name: value for name, value in (told | _given(overrides)).items() if value is not None}
    try:
        return BatchSettings.model_validate(given)
    except ValidationError as failure:
        raise SettingsError.of(failure, BatchSettings) from failure


def _given(overrides: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in overrides.items() if value is not None}
