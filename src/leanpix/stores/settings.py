"""Settings of the stores."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field


class StoreSettings(BaseModel):
    """Where data lives and how long it is kept."""

    data_dir: Path = Field(default=Path("data"), description="Folder of the database, the files and the secrets.")
    retention_s: float = Field(default=3600, gt=0, description="Seconds that a finished task and its result are kept.")
    longest_wait_s: float = Field(
        default=3600, gt=0, description="Seconds after which a task that no worker took ends as timed out."
    )
    min_free_share: float = Field(
        default=0.05, ge=0, lt=1, description="Share of the disk that stays free: below it new work is refused."
    )
