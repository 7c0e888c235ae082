"""Settings of the HTTP face."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, Field

from leanpix.domain.account import MAX_QPS, MIN_QPS
from leanpix.domain.formats import EXTRA_FORMATS, STANDARD_FORMATS, OutputFormat, named
from leanpix.domain.request import MAX_SET
from leanpix.setting_types import CommaList, EndpointUrl, ExtraFormat, Origin, WebUrl

_MOST_BYTES = 1 << 40
_DAY_S = 86400


class WebSettings(BaseModel):
    """Where the service listens, what it takes, how long it waits."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: WebUrl | None = Field(
        default=None,
        description="Base of result URLs, such as `https://img.example.com`; default: the request's own.",
    )
    max_upload_bytes: int = Field(
        default=20 * 1024 * 1024, gt=0, le=_MOST_BYTES, description="Largest uploaded picture, in bytes."
    )
    sync_wait_s: float = Field(
        default=180, gt=0, le=_DAY_S, description="Seconds that a request with sync=1 waits at most."
    )
    rate_patience_s: float = Field(
        default=0.5,
        ge=0,
        le=60,
        description="Seconds that a create above its key's rate waits in the server before it is refused; 0: not at "
        "all. Its body waits as long: more than LEANPIX_BODY_GRACE_S can cut slow uploads off.",
    )
    tinify: bool = Field(
        default=True,
        description="Serve what clients of the Tinify API call: `/shrink`, `/output`, also under `/tinify`.",
    )
    tinify_patience_s: float = Field(
        default=30,
        ge=0,
        le=300,
        description="Seconds that a Tinify client's request waits for its key's rate before it is refused. Its body "
        "waits as long: more than LEANPIX_BODY_GRACE_S can cut slow uploads off.",
    )
    tinify_store_endpoints: Annotated[tuple[EndpointUrl, ...], CommaList] = Field(
        default=(),
        description="Endpoints of S3-compatible stores that Tinify clients may have results put into, separated by "
        "commas; `{region}` stands for the region they name: `https://s3.{region}.amazonaws.com`. Default: none.",
    )
    extra_formats: Annotated[tuple[ExtraFormat, ...], CommaList] = Field(
        default=EXTRA_FORMATS,
        description=f"Formats written beside {named(STANDARD_FORMATS)}, for requests that name them, separated by "
        f"commas: of {', '.join(EXTRA_FORMATS)}; `none`: none of them.",
    )
    set_max_pictures: int = Field(
        default=MAX_SET, ge=1, le=MAX_SET, description="Pictures of one set at most: its `widths` times its formats."
    )
    fine_states: bool = Field(default=False, description="Report the states 0, 2, 3, 5 and 6 too, not only 4.")
    cors_origins: Annotated[tuple[Origin, ...], CommaList] = Field(
        default=("*",),
        description="Origins that browsers may call the API and read results from, separated by commas: "
        "`https://shop.example`; `*`: any, `none`: none.",
    )
    queue_max: int = Field(default=1000, gt=0, le=10_000_000, description="Unfinished tasks at once, of all keys.")
    queue_max_per_key: int = Field(
        default=200, gt=0, le=10_000_000, description="Unfinished tasks at once, of one key."
    )
    batch_max_per_key: int = Field(default=10, gt=0, le=100_000, description="Unfinished batches at once, of one key.")
    batch_max_bytes: int = Field(
        default=256 * 1024 * 1024, gt=0, le=_MOST_BYTES, description="Largest ZIP of a batch, in bytes."
    )
    batch_max_unpacked_bytes: int = Field(
        default=512 * 1024 * 1024,
        gt=0,
        le=_MOST_BYTES,
        description="Most that a batch's ZIP may hold, in bytes unpacked.",
    )
    batch_stored_bytes: int = Field(
        default=4 * 1024**3,
        gt=0,
        le=1024**5,
        description="Most bytes of sources that unfinished batches may keep, of all keys.",
    )
    batch_stored_bytes_per_key: int = Field(
        default=1024**3,
        gt=0,
        le=1024**5,
        description="Most bytes of sources that unfinished batches may keep, of one key.",
    )
    batch_longest_s: float = Field(
        default=86400,
        gt=0,
        le=366 * _DAY_S,
        description="Seconds after which the pictures of a batch that still wait end as timed out.",
    )
    default_qps: float = Field(
        default=2, ge=MIN_QPS, le=MAX_QPS, description="Creates per second of a key made without --qps."
    )
    header_timeout_s: float = Field(
        default=10, gt=0, le=3600, description="Seconds in which a request's head has to arrive."
    )
    body_grace_s: float = Field(
        default=10,
        gt=0,
        le=3600,
        description="Seconds before the minimum upload rate is asked of a body, and after which a body that goes on "
        "though its request was answered is cut off.",
    )
    body_timeout_s: float = Field(
        default=600, gt=0, le=_DAY_S, description="Seconds in which a request's body has to arrive."
    )
    answer_stall_s: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds after which a client that takes nothing of a waiting answer is cut off.",
    )
    min_upload_bytes_per_s: int = Field(
        default=4096, ge=0, le=1 << 30, description="Slowest upload that is kept waiting for, in bytes a second."
    )
    min_download_bytes_per_s: int = Field(
        default=4096,
        ge=0,
        le=1024**3,
        description="Slowest reader of an answer that is kept waiting for, in bytes a second, once "
        "LEANPIX_ANSWER_STALL_S is over.",
    )
    answer_timeout_s: float = Field(
        default=600, gt=0, le=86400, description="Seconds in which an answer that waits for its reader has to be taken."
    )
    readers: int = Field(default=256, gt=0, le=65536, description="Results read at the same time, of this process.")
    readers_per_result: int = Field(
        default=64, gt=0, le=65536, description="How many may read one result at the same time."
    )
    max_connections: int = Field(
        default=1000,
        gt=0,
        le=65536,
        description="Open connections, fewer where the limit of open files is low; above, the one that has been idle "
        "longest makes room, or a new one is refused. A key may have as many requests under way as would stay free.",
    )
    max_header_bytes: int = Field(
        default=32 * 1024, ge=1024, le=1 << 20, description="Largest head of a request, in bytes."
    )
    max_headers: int = Field(default=100, gt=0, le=10_000, description="Most header lines of a request.")

    @cached_property
    def formats_written(self) -> tuple[OutputFormat, ...]:
        """What a request may name as its result's format."""
        return STANDARD_FORMATS + tuple(kind for kind in OutputFormat if kind in self.extra_formats)
