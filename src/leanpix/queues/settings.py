"""Settings of the delivery of tasks to workers."""

from __future__ import annotations

from pydantic import BaseModel, Field


class QueueSettings(BaseModel):
    """Signs of life and what their absence means."""

    heartbeat_s: float = Field(
        default=2, gt=0, le=600, description="Seconds between a worker's signs of life for a task."
    )
    stale_s: float = Field(
        default=6,
        gt=0,
        le=3600,
        description="Seconds without a sign of life after which a task is handed to another worker.",
    )
    shutdown_grace_s: float = Field(
        default=20,
        ge=0,
        le=3600,
        description="Seconds that running tasks get at shutdown before they are handed back.",
    )
