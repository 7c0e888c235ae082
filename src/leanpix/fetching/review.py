"""Asking the operator's own service whether a result may be published.

Its address is the operator's own setting, so no address is refused here: it may well lie on a private network.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import BinaryIO

import httpx

from leanpix.domain.errors import LeanpixError, SetupError, TaskFailure
from leanpix.domain.report import Compression, CompressionView
from leanpix.domain.states import TaskState
from leanpix.domain.task import StoredResult, Task
from leanpix.fetching.settings import FetchSettings
from leanpix.service.open_files import sha256_of, size_of
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.signing import SECRET_PREFIX, signed_headers

_LINK_S = 300.0
_TRIES, _PAUSE_S = 2, 0.2
_MOST_ANSWER_BYTES = 64 * 1024
_LONGEST_MESSAGE = 500
_OK = 200
_REFUSALS = MappingProxyType({int(state): state for state in (TaskState.REVIEW_REFUSED, TaskState.THIRD_PARTY_REFUSED)})
_NO_ANSWER = "the review that this installation asks for gave no answer, so nothing was published"


class ReviewFailure(LeanpixError):  # noqa: N818 - the hook's failure, not one of the program
    """The hook gave no usable answer; the text is for logs."""

    code = "review_failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the hook said: refused is None where the result may be published."""

    refused: TaskState | None
    message: str = ""


class HttpReview:
    """One POST of JSON for each result. Thread-safe. on_failure is told what a missing answer was about."""

    def __init__(
        self, settings: FetchSettings, links: SignedUrls, on_failure: Callable[[BaseException], None], base: str | None
    ) -> None:
        url, secret = required(settings, base)
        self._url, self._settings, self._links, self._base, self._on_failure = url, settings, links, base, on_failure
        self._key = base64.b64decode(secret)
        verify = True if settings.fetch_ca_file is None else str(settings.fetch_ca_file)
        self._client = httpx.Client(timeout=settings.policy_timeout_s, trust_env=False, verify=verify)

    def __call__(self, task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult) -> None:
        """TaskFailure where the result may not be published, or where nobody says that it may."""
        try:
            verdict = self._asked(f"review_{task.id}-{task.attempt}", self._question(task, source, done, stored))
        except ReviewFailure as failure:
            self._on_failure(failure)
            if self._settings.policy_on_failure == "publish":
                return
            raise TaskFailure(TaskState.FAILED, _NO_ANSWER) from failure
        if verdict.refused is not None:
            raise TaskFailure(verdict.refused, verdict.message or None)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _question(
        self, task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult
    ) -> bytes:
        report = done.report
        told: dict[str, object] = {
            "task_id": task.id,
            "key_id": task.key_id,
            "source": {
                "sha256": sha256_of(source).hex(),
                "bytes": size_of(source),
                "format": report.source_format.value,
                "width_px": report.source_width_px,
                "height_px": report.source_height_px,
            },
            "result": {
                "bytes": len(done.data),
                "format": report.format.value,
                "width_px": report.width_px,
                "height_px": report.height_px,
            },
        }
        if self._settings.policy_content == "bytes":
            told["image"] = base64.b64encode(done.data).decode()
        elif self._settings.policy_content == "link" and self._base is not None:
            path = self._links.path(replace(task, result=stored), self._links.now() + _LINK_S)
            told["image_url"] = self._base.rstrip("/") + path
        return json.dumps(told).encode()

    def _asked(self, message_id: str, question: bytes) -> Verdict:
        for left in reversed(range(_TRIES)):
            try:
                return _verdict(self._answer(message_id, question))
            except ReviewFailure:
                if not left:
                    raise
            time.sleep(_PAUSE_S)
        raise ReviewFailure("not asked")

    def _answer(self, message_id: str, question: bytes) -> bytes:
        headers = [("Content-Type", "application/json"), ("User-Agent", self._settings.fetch_user_agent)]
        headers += signed_headers(message_id, self._links.now(), question, [self._key])
        answer = bytearray()
        try:
            with self._client.stream("POST", self._url, content=question, headers=headers) as response:
                if response.status_code != _OK:
                    raise ReviewFailure(f"the policy hook answered {response.status_code}")
                for piece in response.iter_bytes():
                    answer += piece
                    if len(answer) > _MOST_ANSWER_BYTES:
                        raise ReviewFailure("the policy hook's answer is too long")
        except httpx.HTTPError as failure:
            raise ReviewFailure(f"the policy hook did not answer: {type(failure).__name__}") from failure
        return bytes(answer)


def required(settings: FetchSettings, base: str | None) -> tuple[str, str]:
    """The hook's URL and its secret in base64; SetupError where a setting that it needs is missing or wrong."""
    if settings.policy_url is None or settings.policy_secret is None:
        raise SetupError("LEANPIX_POLICY_URL needs LEANPIX_POLICY_SECRET, which signs what it is asked")
    if settings.policy_content == "link" and base is None:
        raise SetupError("LEANPIX_POLICY_CONTENT=link needs LEANPIX_PUBLIC_URL, which its links begin with")
    secret = settings.policy_secret.removeprefix(SECRET_PREFIX)
    try:
        base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError) as failure:
        raise SetupError("LEANPIX_POLICY_SECRET is not whsec_ and base64") from failure
    return settings.policy_url, secret


def _verdict(answer: bytes) -> Verdict:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError) as failure:
        raise ReviewFailure("the policy hook's answer is not JSON") from failure
    allows = found.get("allow") if isinstance(found, dict) else None
    if allows is True:
        return Verdict(None)
    state = found.get("state", int(TaskState.REVIEW_REFUSED)) if allows is False else None
    if not isinstance(state, int) or state not in _REFUSALS:
        raise ReviewFailure("the policy hook's answer holds no `allow`, or a `state` that is not -10 or -16")
    message = found.get("message", "")
    words = "".join(c for c in str(message)[:_LONGEST_MESSAGE] if c.isprintable())
    return Verdict(_REFUSALS[state], words)
