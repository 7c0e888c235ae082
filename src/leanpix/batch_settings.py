"""What `leanpix compress` can be told by the environment: by itself, for most of its start would be the service's."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leanpix.setting_types import WebUrl
from leanpix.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

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
    """The settings of the environment; an override that is None is not given. SettingsError."""
    return settings_of(BatchSettings, overrides)


def settings_of(model: type[M], overrides: Mapping[str, object]) -> M:
    """A model's fields by the environment, in names of any case; one that is empty there is not set. SettingsError.

    overrides: what was given otherwise, and counts; None is not given.

    By hand: a library for it takes as long to import, and as much memory, as all else that a small command imports.
    """
    environment = {name.upper(): value for name, value in os.environ.items()}
    told = {name: environment.get(f"{PREFIX}{name.upper()}") or None for name in model.model_fields}
    given = {name: overrides.get(name) if overrides.get(name) is not None else value for name, value in told.items()}
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as failure:
        raise SettingsError.of(failure, model) from failure
