"""Telling receivers: written with the end, one try at a time, told again when a try is lost, bounded by host."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock

import pytest
from tests.support.cluster import until
from tests.support.ledger import Book, SettableClock, success

from leanpix.domain.errors import LeanpixError
from leanpix.domain.task import Task
from leanpix.domain.webhook import Callback, WebhookAnswer, WebhookDelivery, WebhookState
from leanpix.service.deliver_webhook import DeliverWebhook
from leanpix.service.execute import record
from leanpix.service.signing import WebhookSecrets
from leanpix.worker.webhook_dispatcher import WebhookDispatcher

HOUR_S = 3600.0


@dataclass
class Post:
    """Receivers by host: what they answer, how many came at once. None: no answer."""

    status: int | None = 200
    retry_after_s: float | None = None
    pause_s: float = 0.0
    posted: list[str] = field(default_factory=list)
    present: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def admits(self, _url: str) -> bool:
        return True

    def post(self, url: str, _body: bytes, headers: Iterable[tuple[str, str]] = ()) -> WebhookAnswer:
        with self.lock:
            self.posted.append(dict(headers)["webhook-id"])
            self.present[url] += 1
            self.most[url] = max(self.most[url], self.present[url])
        time.sleep(self.pause_s)
        with self.lock:
            self.present[url] -= 1
        if self.status is None:
            raise LeanpixError("nobody there")
        return WebhookAnswer(self.status, self.retry_after_s)


def notify(book: Book, post: Post, now: Callable[[], float]) -> DeliverWebhook:
    return DeliverWebhook(
        database=book.database,
        poster=post,
        render=lambda task_id, base: f"{base} {task_id}".encode(),
        secrets=WebhookSecrets(b"pepper"),
        now=now,
        random=lambda: 0.5,
        retention_s=HOUR_S,
        lease_s=60,
        kept_s=2 * HOUR_S,
    )


def ended(book: Book, clock: Callable[[], float], key_id: str = "key", host: str = "a.example") -> str:
    """A task whose end has to be told."""
    task = book.claimed(book.task(key_id, callback=Callback(f"https://{host}/hook", "https://me")))
    with book.database.transaction() as change:
        record(change, task, success(task), clock())
    return task.id


def notice(book: Book, task_id: str) -> WebhookDelivery:
    with book.database.reading() as view:
        return next(one for one in view.deliveries.recent("key", 100) if one.task_id == task_id)


def test_a_notice_is_kept_with_the_end_or_not_at_all(book: Book, clock: SettableClock) -> None:
    def interrupted(task: Task) -> None:
        with book.database.transaction() as change:
            record(change, task, success(task), clock())
            raise KeyboardInterrupt

    book.account()
    task = book.claimed(book.task(callback=Callback("https://a.example/hook", "https://me")))
    with pytest.raises(KeyboardInterrupt):
        interrupted(task)
    with book.database.reading() as view:
        assert list(view.deliveries.recent("key", 10)) == []
    with book.database.transaction() as change:
        record(change, task, success(task), clock())
        assert record(change, task, success(task), clock()) is None
    with book.database.reading() as view:
        assert [one.task_id for one in view.deliveries.recent("key", 10)] == [task.id]


def test_of_many_senders_exactly_one_has_a_notice_in_hand(book: Book, clock: SettableClock) -> None:
    book.account()
    task_id, post = ended(book, clock), Post(pause_s=0.2)
    with ThreadPoolExecutor(8) as threads:
        states = list(threads.map(lambda _n: notify(book, post, clock)(task_id), range(16)))
    assert sorted(states, key=str) == [None] * 15 + [WebhookState.DELIVERED]
    assert post.posted == [f"msg_{task_id}"]
    assert notify(book, post, clock).due(4, 10) == []


def test_a_try_that_was_lost_is_made_again_and_its_late_word_does_not_count(book: Book, clock: SettableClock) -> None:
    book.account()
    task_id, tell = ended(book, clock), notify(book, Post(), clock)
    with book.database.transaction() as change:
        lost = change.deliveries.claim(task_id, clock(), clock() + 1000, clock() + 60)
    assert lost is not None
    assert tell.due(4, 10) == []
    clock.move(61)
    assert [one.task_id for one in tell.due(4, 10)] == [task_id]
    assert tell(task_id) is WebhookState.DELIVERED
    with book.database.transaction() as change:
        assert not change.deliveries.note(replace(lost, due_at=clock()))
    assert notice(book, task_id).state is WebhookState.DELIVERED


@pytest.mark.parametrize(("asked_s", "paused_s"), [(90.0, 90.0), (0.0, 0.75), (86_400.0, 600.0)])
def test_a_receiver_that_asks_for_time_gets_it_within_bounds(
    book: Book, clock: SettableClock, asked_s: float, paused_s: float
) -> None:
    book.account()
    task_id, tell = ended(book, clock), notify(book, Post(503, retry_after_s=asked_s), clock)
    assert tell(task_id) is WebhookState.PENDING
    assert notice(book, task_id).due_at == clock() + paused_s


def test_pauses_double_and_end_with_the_tasks_life(book: Book, clock: SettableClock) -> None:
    book.account()
    task_id, tell = ended(book, clock), notify(book, Post(None), clock)
    pauses, began = [], clock()
    while tell(task_id) is WebhookState.PENDING:
        due_at = notice(book, task_id).due_at
        assert due_at is not None
        pauses.append(due_at - clock())
        clock.moment = due_at
    assert pauses[:4] == pytest.approx([0.75, 1.5, 3, 6])
    assert max(pauses) == pytest.approx(450)
    assert HOUR_S - 600 < clock() - began < HOUR_S
    assert notice(book, task_id).state is WebhookState.FAILED
    clock.move(2 * HOUR_S)
    tell.forget()
    with book.database.reading() as view:
        assert list(view.deliveries.recent("key", 10)) == []


def test_a_clock_that_was_set_back_delays_nothing(book: Book, clock: SettableClock) -> None:
    book.account()
    task_id, tell = ended(book, clock), notify(book, Post(500), clock)
    tell(task_id)
    clock.move(-86400)
    assert [one.task_id for one in tell.due(4, 10)] == [task_id]


def test_one_hosts_backlog_and_one_keys_leave_room_for_others(book: Book, clock: SettableClock) -> None:
    book.account("key", 1000)
    book.account("small")
    for number in range(12):
        ended(book, clock, host=f"host{number % 2}.example")
    last = ended(book, clock, "small", host="small.example")
    due = notify(book, Post(), clock).due(per_host=3, limit=4)
    assert last in [one.task_id for one in due[:2]]
    everything = notify(book, Post(), clock).due(per_host=3, limit=100)
    assert Counter(one.host for one in everything) == {"host0.example": 3, "host1.example": 3, "small.example": 1}


def test_outboxes_of_several_processes_tell_each_end_once_and_few_to_one_host(book: Book) -> None:
    book.account("key", 1000)
    task_ids = [ended(book, time.time, host=("busy.example", "calm.example")[number % 4 == 0]) for number in range(24)]
    posts, failures = [Post(pause_s=0.05), Post(pause_s=0.05)], list[BaseException]()
    outboxes = [
        WebhookDispatcher(notify(book, post, time.time), 8, 2, time.monotonic, failures.append) for post in posts
    ]
    for outbox in outboxes:
        outbox.start()
    try:
        until(lambda: all(notice(book, task_id).state is WebhookState.DELIVERED for task_id in task_ids))
    finally:
        for outbox in outboxes:
            outbox.stop()
    assert sorted(posts[0].posted + posts[1].posted) == sorted(f"msg_{task_id}" for task_id in task_ids)
    assert max(max(post.most.values(), default=0) for post in posts) <= 2
    assert failures == []
