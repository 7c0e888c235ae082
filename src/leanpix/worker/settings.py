"""What can be set about the processes that decode and encode."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import BaseModel, Field

from leanpix.domain.request import DEFAULT_TARGET_SCORE
from leanpix.worker.machine import memory_limit_bytes

MIB = 1024 * 1024
_SHARE_FOR_PICTURES = 0.75


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _memory_for_pictures() -> int:
    return int(_SHARE_FOR_PICTURES * memory_limit_bytes()) // MIB


class WorkerSettings(BaseModel):
    """Each field is set by LEANPIX_ and its name in capitals."""

    workers: int = Field(
        default_factory=_cores,
        ge=0,
        le=1024,
        description="Pictures worked on at the same time; 0: none in this process. Default: one a core.",
    )
    spare_workers: int | None = Field(
        default=None,
        ge=0,
        le=1024,
        description="Pictures worked on beside those of `LEANPIX_WORKERS`, each of a key that has no other under way: "
        "it shares the processors with them and does not wait for one to end. Default: as many as `LEANPIX_WORKERS`.",
    )
    cpu_s_per_minute: float = Field(
        default=240,
        ge=0,
        le=1e6,
        description="Processor seconds that the pictures of one key may take in a minute, of all workers together; "
        "above, its creates are refused with 429 and its batches wait. 0: without a bound.",
    )
    task_timeout_s: float = Field(
        default=180, gt=0, le=3600, description="Seconds a picture may take from its start before it ends with -8."
    )
    sandbox: Literal["auto", "require", "off"] = Field(
        default="auto",
        description="auto: every layer the kernel offers; require: do not start unless all are there; "
        "off: killable processes with limits only.",
    )
    isolation: Literal["key", "picture"] = Field(
        default="key",
        description="picture: each picture has a locked process of its own; key: a locked process may do the next "
        "picture of the same API key and kind of source (upload or URL) as well, never another key's.",
    )
    child_max_pictures: int = Field(
        default=100, ge=1, le=100_000, description="Pictures that one process does, with `LEANPIX_ISOLATION=key`."
    )
    child_max_age_s: float = Field(
        default=60,
        ge=1,
        le=86_400,
        description="Seconds after its first picture during which a process is given others, with "
        "`LEANPIX_ISOLATION=key`.",
    )
    child_memory_mb: int = Field(
        default=4096,
        ge=64,
        le=1 << 20,
        description="Address space in MB that one picture may take, whatever it is.",
    )
    memory_mb: int = Field(
        default_factory=_memory_for_pictures,
        ge=64,
        le=1 << 24,
        description="Memory in MB for all pictures of a worker process together: one whose share, by its header, is "
        "not free waits; one that needs more runs alone. Default: 75 % of the machine's, or of the container's limit.",
    )
    child_cpu_s: int = Field(default=360, ge=1, le=7200, description="Processor seconds that one picture may take.")
    max_result_mb: int = Field(default=128, ge=1, le=1024, description="The largest result in MB that is taken.")
    target_score: float = Field(
        default=DEFAULT_TARGET_SCORE,
        gt=0,
        le=100,
        description="SSIMULACRA2 score that automatic quality aims at where a request names no `target_score`.",
    )
    result_cache: Literal["off", "key", "all"] = Field(
        default="key",
        description="Whether the same source and options within `LEANPIX_RETENTION_S` are answered by the earlier "
        "result (and charged as usual): off, a key's own results, or anybody's: then a key may learn by the time "
        "it takes that another one sent the same picture.",
    )
    webhook_senders: int = Field(
        default=8, ge=0, le=256, description="Webhooks told at the same time by this process; 0: none."
    )
    webhook_per_host: int = Field(
        default=4, ge=1, le=256, description="Webhooks told at the same time to one host, by this process."
    )
    webhook_log_s: float = Field(
        default=86400, ge=0, le=366 * 86400, description="Seconds that the log of webhook deliveries is kept."
    )
    ready_children: int | None = Field(
        default=None,
        ge=0,
        le=1024,
        description="Processes kept forked and waiting, so that a picture does not wait for its own: about "
        "1.3 MB of memory each. Default: one for each of `LEANPIX_WORKERS`.",
    )
    recycle_after: int = Field(
        default=2000,
        ge=1,
        le=1_000_000,
        description="Pictures after which the process that children are forked from is replaced, so that what one "
        "of them learnt of its memory layout is of no use for long.",
    )

    @property
    def spare(self) -> int:
        """How many pictures of keys without another are worked on beside the others."""
        return self.workers if self.spare_workers is None else self.spare_workers

    @property
    def children_kept_ready(self) -> int:
        """How many processes wait for a picture."""
        return self.workers if self.ready_children is None else self.ready_children
