"""What an operator may change about fetching."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from leanpix.setting_types import CommaList, Net, OwnPath, WebUrl

Port = Annotated[int, Field(ge=1, le=65535)]
Ports = Annotated[tuple[Port, ...], Field(min_length=1), CommaList]
Nets = Annotated[tuple[Net, ...], CommaList]
Seconds = Annotated[float, Field(gt=0, le=600)]


class FetchSettings(BaseModel):
    """Limits on fetching image_url and on delivering webhooks; sizes in bytes, times in seconds."""

    fetch_ports: Ports = Field(default=(80, 443), description="Ports that a fetched URL may name, separated by commas.")
    fetch_allow_nets: Nets = Field(
        default=(),
        description="Networks (CIDR) or single addresses that may be fetched from although they are not public, "
        "separated by commas, for example 10.1.2.0/24. Addresses of cloud metadata services stay refused unless "
        "one is listed by itself (169.254.169.254/32).",
    )
    fetch_ca_file: OwnPath | None = Field(
        default=None,
        description="PEM bundle of the certificate authorities to trust instead of the system's.",
    )
    fetch_max_bytes: int = Field(
        default=30 * 1024 * 1024, ge=1, le=1024**3, description="Largest source that is fetched."
    )
    fetch_max_redirects: int = Field(default=10, ge=0, le=10, description="Redirects followed for one URL.")
    fetch_timeout_s: Seconds = Field(default=30.0, description="Time for one URL, redirects included.")
    fetch_dns_timeout_s: Seconds = Field(default=5.0, description="Time for one name to be looked up.")
    fetch_connect_timeout_s: Seconds = Field(
        default=5.0, description="Time for one address to accept the connection and finish the TLS handshake."
    )
    fetch_first_byte_timeout_s: Seconds = Field(
        default=10.0, description="Time from the request to the end of the answer's header."
    )
    fetch_idle_timeout_s: Seconds = Field(default=10.0, description="Longest silence within a body.")
    fetch_min_bytes_per_s: int = Field(
        default=16 * 1024, ge=1, le=1024**3, description="Slowest average rate of a body, once the grace is over."
    )
    fetch_rate_grace_s: Seconds = Field(default=5.0, description="Time before the slowest rate is asked for.")
    fetch_max_header_bytes: int = Field(
        default=32 * 1024, ge=1024, le=1024**2, description="Largest header of an answer."
    )
    fetch_max_headers: int = Field(default=100, ge=1, le=1000, description="Most header fields of an answer.")
    fetch_max_lookups: int = Field(
        default=64, ge=1, le=1024, description="Name lookups at one time, those counted that hang in the resolver."
    )
    fetchers: int = Field(
        default=32, ge=1, le=1024, description="Sources fetched at the same time by a worker process, of all keys."
    )
    fetch_per_key: int = Field(
        default=8,
        ge=1,
        le=1024,
        description="Sources fetched at the same time for one key, by a worker process; fewer where many keys fetch.",
    )
    fetch_per_host: int = Field(
        default=8, ge=1, le=1024, description="Sources fetched at the same time from one host, by a worker process."
    )
    policy_url: WebUrl | None = Field(
        default=None,
        description="Your own service that is asked before a result is published; default: none. Any address may be "
        "named here.",
    )
    policy_secret: str | None = Field(
        default=None,
        pattern=r"^whsec_[A-Za-z0-9+/]{32,}={0,2}$",
        repr=False,
        description="Secret that signs what the policy hook is asked: `whsec_` and at least 24 bytes in base64.",
    )
    policy_timeout_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=10.0, description="Time for the policy hook to answer; a worker waits for it."
    )
    policy_content: Literal["none", "link", "bytes"] = Field(
        default="bytes",
        description="What the policy hook sees of the result: nothing but its figures, a link that lasts five minutes "
        "(needs `LEANPIX_PUBLIC_URL`), or the bytes.",
    )
    policy_on_failure: Literal["refuse", "publish"] = Field(
        default="refuse", description="What happens to a result when the policy hook gives no usable answer."
    )
    fetch_user_agent: str = Field(
        default="leanpix",
        pattern=r"^[!-~][ -~]*$",
        max_length=200,
        description="The User-Agent that sources and webhooks see.",
    )
