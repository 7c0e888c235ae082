"""Settings of logs and metrics."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from leanpix.setting_types import CommaList, Net, WebUrl


class TelemetrySettings(BaseModel):
    """What is written about the service's own work."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important log lines that are written."
    )
    log_format: Literal["json", "text"] = Field(
        default="text",
        description="Log lines as JSON, one object a line, or as text: `name=value`, lined up on a terminal.",
    )
    otlp_endpoint: WebUrl | None = Field(
        default=None,
        description="OTLP/HTTP collector that traces are sent to, such as `http://127.0.0.1:4318`; it needs the extra "
        "`leanpix[otel]`. Default: none.",
    )
    trace_share: float = Field(
        default=1, ge=0, le=1, description="Share of the traces begun here that is kept; callers' own go by theirs."
    )
    metrics_nets: Annotated[tuple[Net, ...], CommaList] = Field(
        default=(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks whose addresses may read `/metrics`, separated by commas, or `none`; everybody else gets "
        "a 404.",
    )
    metrics_token: str | None = Field(
        default=None,
        min_length=16,
        repr=False,
        description="Token that may read `/metrics` from anywhere, as `Authorization: Bearer`; default: none.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port where `leanpix worker` serves its `/metrics`; 0: a free one. Default: none.",
    )
