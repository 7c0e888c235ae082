"""A place in somebody's own store, where a result is put instead of being handed over."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """One object of an S3-compatible store, and the keys to write it.

    endpoint: one that the operator allows, None for the first of them; key: the object's name in the bucket;
    cache_control: what the store is to tell those who read the object, or None.
    """

    region: str
    bucket: str
    key: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    endpoint: str | None = None
    cache_control: str | None = None
