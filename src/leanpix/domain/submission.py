"""A create request that may be sent again: what it was, and the task that it made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from leanpix.domain.request import CompressionOptions, ReturnType


@dataclass(frozen=True, slots=True)
class Submission:
    """One create under its sender's own key for it. created_at is Unix seconds.

    token stands for the idempotency key, fingerprint for what was asked: both are SHA-256 as 64 hex digits, so that
    neither a sender's words nor an address with a token in it is kept.
    """

    key_id: str
    token: str
    fingerprint: str
    task_id: str
    created_at: float


def token_of(idempotency_key: str) -> str:
    """What a sender's key is kept as."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest()


def fingerprint_of(
    source: Iterable[bytes], options: CompressionOptions, return_type: ReturnType, callback_url: str | None = None
) -> str:
    """What makes two requests the same: the source's bytes or URL, the options, how and to whom the result is told.

    source: the bytes in pieces, however they are cut.

    Only options that were given count, so that a release with more of them knows an older one's requests again.
    """
    told = [] if callback_url is None else [callback_url]
    wanted = json.dumps([options.given(), int(return_type), *told], sort_keys=True)
    digest = hashlib.sha256(wanted.encode())
    digest.update(b"\0")
    for piece in source:
        digest.update(piece)
    return digest.hexdigest()
