"""The only package that names concrete adapters: one machine or many, by configuration alone."""

from __future__ import annotations

from leanpix.bootstrap.installation import describe_installation
from leanpix.bootstrap.processes import make_api, make_housekeeping, make_pool, make_reused_pool, make_worker
from leanpix.bootstrap.stores import Stores, migrate_database, open_stores

__all__ = [
    "Stores",
    "describe_installation",
    "make_api",
    "make_housekeeping",
    "make_pool",
    "make_reused_pool",
    "make_worker",
    "migrate_database",
    "open_stores",
]
