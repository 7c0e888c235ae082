"""Settings of logs and metrics."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class TelemetrySettings(BaseModel):
    """What is written about the service's own work."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important log lines that are written."
    )
    log_json: bool = Field(default=False, description="Write log lines as JSON, one object a line.")
