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
    drain_s: float | None = Field(
        default=None,
        ge=0,
        le=600,
        description="Seconds that `leanpix serve` goes on as before after SIGTERM, with `/readyz` at 503, so that "
        "balancers have seen it before its port closes. Default: 5 with LEANPIX_DATABASE_URL, else 0.",
    )
    shutdown_grace_s: float = Field(
        default=20,
        ge=0,
        le=3600,
        description="Seconds that running tasks get at shutdown before they are handed back.",
    )
