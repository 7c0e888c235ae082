"""The loop that tells receivers of ended tasks, in threads of its own: it never takes a worker's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from leanpix.domain.webhook import DueWebhook
from leanpix.service.deliver_webhook import DeliverWebhook
from leanpix.service.ports import Clock

_POLL_S = 0.5
_FORGET_EVERY_S = 600.0
_GRACE_S = 1.0
_SHARE = 2  # a key may have this part of the threads, one at least
_WINDOW = 4  # deliveries looked at for each thread: some are of hosts and keys that have their share already


@dataclass(slots=True)
class WebhookDispatcher:
    """Makes due deliveries, `senders` at a time, at most `per_host` to one host and half of them of one key.

    Any number of processes may run one over the same database: each delivery is claimed by one of them. What is under
    way when the process ends is told again by whoever finds its time over.
    """

    notify: DeliverWebhook
    senders: int
    per_host: int
    monotonic: Clock
    on_error: Callable[[BaseException], None]
    _stopped: Event = field(default_factory=Event)
    _freed: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _in_hand: dict[str, DueWebhook] = field(default_factory=dict)
    _threads: set[Thread] = field(default_factory=set)

    def start(self) -> None:
        """Start the loop, unless there are no senders."""
        if self.senders:
            self._start(Thread(target=self._run, name="webhook-dispatcher", daemon=True))

    def stop(self) -> None:
        """Begin nothing more, and give what is under way a moment."""
        self._stopped.set()
        self._freed.set()
        until = self.monotonic() + _GRACE_S
        for thread in list(self._threads):
            thread.join(max(0.0, until - self.monotonic()))

    def _start(self, thread: Thread) -> None:
        thread.start()
        self._threads = {other for other in self._threads if other.is_alive()} | {thread}

    def _run(self) -> None:
        forget_at = self.monotonic()
        while not self._stopped.is_set():
            self._freed.wait(_POLL_S)
            self._freed.clear()
            try:
                self._begin_due()
                if self.monotonic() >= forget_at:
                    forget_at = self.monotonic() + _FORGET_EVERY_S
                    self.notify.forget()
            except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the thread
                self.on_error(failure)

    def _begin_due(self) -> None:
        with self._lock:
            free = self.senders - len(self._in_hand)
        if not free:
            return
        for delivery in self.notify.due(self.per_host, _WINDOW * self.senders):
            if self._take(delivery):
                self._start(Thread(target=self._tell, args=(delivery,), name="webhook", daemon=True))

    def _take(self, delivery: DueWebhook) -> bool:
        with self._lock:
            hosts = Counter(other.host for other in self._in_hand.values())
            keys = Counter(other.key_id for other in self._in_hand.values())
            most = max(1, self.senders // _SHARE)
            fits = len(self._in_hand) < self.senders and delivery.task_id not in self._in_hand
            if not fits or hosts[delivery.host] >= self.per_host or keys[delivery.key_id] >= most:
                return False
            self._in_hand[delivery.task_id] = delivery
        return True

    def _tell(self, delivery: DueWebhook) -> None:
        try:
            self.notify(delivery.task_id)
        except Exception as failure:  # noqa: BLE001 - it is told again when its time is over
            self.on_error(failure)
        finally:
            with self._lock:
                del self._in_hand[delivery.task_id]
            self._freed.set()
