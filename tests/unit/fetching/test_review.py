"""Asking the operator's policy hook: what it is told, what its answers mean, and what no answer means."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from tests.support.ledger import success
from tests.support.receiver import Receiver, receiving

from leanpix.domain.errors import SetupError, TaskFailure
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind, Task
from leanpix.fetching.review import HttpReview, required
from leanpix.fetching.settings import FetchSettings
from leanpix.service.open_files import in_memory
from leanpix.service.signed_urls import SignedUrls

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
TASK = Task(
    "7d2f3c9a-0000-4000-8000-000000000001",
    "k7mq",
    TaskState.PUBLISHING,
    CompressionOptions(),
    ReturnType.URL,
    SourceKind.UPLOAD,
    1.0,
    1,
    attempt=2,
)
SOURCE, RESULT = b"the source", b"the result"


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.reply = b'{"allow": true}'
        yield receiver


def ask(hook: Receiver, **settings: object) -> list[BaseException]:
    """One question; what was reported as a failure of the hook."""
    chosen = {"policy_url": hook.url(), "policy_secret": SECRET, "policy_timeout_s": 0.5} | settings
    outcome, failures = success(TASK), list[BaseException]()
    assert outcome.report is not None
    assert outcome.result is not None
    links = SignedUrls(b"secret", lambda: 1_800_000_000.0)
    review = HttpReview(FetchSettings.model_validate(chosen), links, failures.append, "https://img.example/")
    try:
        with in_memory(SOURCE) as source:
            review(TASK, source, Compression(RESULT, outcome.report), outcome.result)
    finally:
        review.close()
    return failures


def test_the_hook_is_told_whose_result_it_is_and_what_was_made_of_what(hook: Receiver) -> None:
    assert ask(hook) == []
    (message,) = hook.messages
    asked = json.loads(message.body)
    assert (asked["task_id"], asked["key_id"]) == (TASK.id, TASK.key_id)
    assert asked["source"] == {
        "sha256": hashlib.sha256(SOURCE).hexdigest(),
        "bytes": len(SOURCE),
        "format": "jpg",
        "width_px": 100,
        "height_px": 10,
    }
    assert asked["result"] == {"bytes": len(RESULT), "format": "jpg", "width_px": 100, "height_px": 10}
    assert base64.b64decode(asked["image"]) == RESULT
    signed = Webhook(SECRET).sign  # the time is the test's own, so only the signature is compared
    moment = datetime.fromtimestamp(1_800_000_000, UTC)
    assert message.headers["webhook-signature"] == signed(message.id, moment, message.body.decode())


@pytest.mark.parametrize(("content", "names"), [("none", set()), ("link", {"image_url"}), ("bytes", {"image"})])
def test_the_hook_sees_of_the_result_what_was_chosen(hook: Receiver, content: str, names: set[str]) -> None:
    ask(hook, policy_content=content)
    asked = json.loads(hook.messages[0].body)
    assert asked.keys() - {"task_id", "key_id", "source", "result"} == names
    if content == "link":
        assert asked["image_url"].startswith("https://img.example/results/")
        links = SignedUrls(b"secret", lambda: 1_800_000_000.0 + 299)
        assert links.blob_of(asked["image_url"]) == f"results/{TASK.id}/{TASK.id}-2.jpg"


@pytest.mark.parametrize(
    ("reply", "state", "words"),
    [
        ({"allow": False}, TaskState.REVIEW_REFUSED, "internal review"),
        ({"allow": False, "state": -10, "message": "no logos"}, TaskState.REVIEW_REFUSED, "no logos"),
        ({"allow": False, "state": -16}, TaskState.THIRD_PARTY_REFUSED, "third-party review"),
        ({"allow": False, "message": "a\u0000b\ud800" * 500}, TaskState.REVIEW_REFUSED, "^(ab)+$"),
    ],
)
def test_a_refusal_ends_the_task_in_the_state_that_the_hook_chose(
    hook: Receiver, reply: object, state: TaskState, words: str
) -> None:
    hook.reply = json.dumps(reply).encode()
    with pytest.raises(TaskFailure, match=words) as failure:
        ask(hook, policy_on_failure="publish")
    assert failure.value.state is state


@pytest.mark.parametrize(
    ("statuses", "reply"),
    [
        ([500, 500], b'{"allow": true}'),
        ([302, 302], b'{"allow": true}'),
        ([], b"yes"),
        ([], b"[]"),
        ([], b'{"allow": "true"}'),
        ([], b'{"allow": false, "state": 1}'),
        ([], b'{"allow": false, "state": [1]}'),
        ([], b'{"allow": true, "padding": "' + b"x" * 70_000 + b'"}'),
    ],
)
def test_an_answer_that_is_none_publishes_nothing_unless_that_is_chosen(
    hook: Receiver, statuses: list[int], reply: bytes
) -> None:
    hook.reply, hook.statuses = reply, list(statuses)
    with pytest.raises(TaskFailure, match="no answer") as failure:
        ask(hook)
    assert failure.value.state is TaskState.FAILED
    hook.statuses = list(statuses)
    assert len(ask(hook, policy_on_failure="publish")) == 1


def test_a_hook_that_is_away_or_silent_is_no_answer_and_one_failure_is_forgiven(hook: Receiver) -> None:
    hook.statuses = [503]
    assert ask(hook) == []
    hook.answers.clear()
    with pytest.raises(TaskFailure, match="no answer"):
        ask(hook)
    hook.go()
    with pytest.raises(TaskFailure, match="no answer"):
        ask(hook)


@pytest.mark.parametrize(
    "settings",
    [
        {"policy_url": "http://a/"},
        {"policy_secret": SECRET},
        {"policy_url": "http://a/", "policy_secret": "whsec_" + "A" * 33},
        {"policy_url": "http://a/", "policy_secret": SECRET, "policy_content": "link"},
    ],
)
def test_a_hook_that_cannot_work_as_it_is_set_up_is_told_at_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="LEANPIX_"):
        required(FetchSettings.model_validate(settings), None)
