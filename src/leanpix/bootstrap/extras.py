"""The optional parts of an installation, its extras: what each is for, and what is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Extra:
    """One of them. wheels: the distributions it adds, with the module of each."""

    wheels: Mapping[str, str]
    purpose: str

    @property
    def in_words(self) -> str:
        """The versions that are here, or what is off without it."""
        if not all(map(_is_here, self.wheels.values())):
            return f"not installed: {self.purpose}"
        return ", ".join(f"{wheel} {version(wheel)}" for wheel in self.wheels)


EXTRAS = {
    "cluster": Extra(
        {"procrastinate": "procrastinate", "psycopg": "psycopg"}, "for several machines on one PostgreSQL database"
    ),
    "heic": Extra({"pi-heif": "pi_heif"}, "for HEIC pictures"),
    "mcp": Extra({"mcp": "mcp"}, "for `leanpix mcp`, the tools of editors and assistants"),
    "otel": Extra(
        {
            "opentelemetry-exporter-otlp-proto-http": "opentelemetry.exporter.otlp.proto.http",
            "opentelemetry-sdk": "opentelemetry.sdk",
        },
        "for traces",
    ),
    "watch": Extra({"watchfiles": "watchfiles"}, "for `leanpix watch` to be told of files at once; it looks at times"),
}
"""By their names in pyproject.toml."""


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package that the module would lie in
        return False
