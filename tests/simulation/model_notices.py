"""The repository of notices over model rows: the same statements as the SQL one, each one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tests.simulation.statements import ConstraintError, Repository, statement

from leanpix.domain.webhook import Callback, DueWebhook, WebhookDelivery, WebhookSalts, WebhookState


class ModelNotices(Repository):
    """What has to be told."""

    __slots__ = ()

    @statement
    def add(self, ended_id: str, key_id: str, callback: Callback, now: float) -> None:
        if self.work.lock_place("notices", ended_id) is not None:
            raise ConstraintError(f"notices has {ended_id}")
        self.work.write(
            "notices", ended_id, WebhookDelivery(ended_id, key_id, callback, now, WebhookState.PENDING, 0, due_at=now)
        )

    @statement
    def due(self, now: float, furthest: float, per_host: int, limit: int) -> Sequence[DueWebhook]:
        due = [notice for _, notice in self.work.every("notices") if _is_due(notice, now, furthest)]
        due.sort(key=lambda notice: notice.due_at)
        of_host: Counter[str] = Counter()
        of_key: Counter[str] = Counter()
        shared = []
        for notice in due:
            of_host[notice.callback.host] += 1
            if of_host[notice.callback.host] <= per_host:
                shared.append((of_host[notice.callback.host], notice))
        shared.sort(key=lambda place: (place[0], place[1].due_at))
        turns = []
        for _, notice in shared:
            of_key[notice.key_id] += 1
            turns.append((of_key[notice.key_id], notice.due_at, notice))
        turns.sort(key=lambda place: place[:2])
        return [DueWebhook(one.task_id, one.key_id, one.callback.host) for _, _, one in turns[:limit]]

    @statement
    def claim(self, task_id: str, now: float, furthest: float, until: float) -> WebhookDelivery | None:
        notice: WebhookDelivery | None = self.work.lock("notices", task_id)
        if notice is None or not _is_due(notice, now, furthest):
            return None
        begun = replace(notice, attempt=notice.attempt + 1, due_at=until)
        self.work.write("notices", task_id, begun)
        return begun

    @statement
    def note(self, notice: WebhookDelivery) -> bool:
        found: WebhookDelivery | None = self.work.lock("notices", notice.task_id)
        if found is None or found.attempt != notice.attempt:
            return False
        noted = replace(found, state=notice.state, due_at=notice.due_at, tries=notice.tries)
        self.work.write("notices", notice.task_id, noted)
        return True

    @statement
    def recent(self, key_id: str, limit: int) -> Sequence[WebhookDelivery]:
        of_key = [notice for _, notice in self.work.every("notices") if notice.key_id == key_id]
        return sorted(of_key, key=lambda notice: -notice.created_at)[:limit]

    @statement
    def remove_before(self, created_before: float) -> None:
        old = [key for key, notice in self.work.every("notices") if notice.created_at < created_before]
        for key in old:
            self.work.lock("notices", key)
            self.work.write("notices", key, None)

    @statement
    def salts(self, key_id: str) -> WebhookSalts | None:
        found: WebhookSalts | None = self.work.get("salts", key_id)
        return found

    @statement
    def set_salts(self, key_id: str, salts: WebhookSalts) -> None:
        self.work.lock_place("salts", key_id)
        self.work.write("salts", key_id, salts)


def _is_due(notice: WebhookDelivery, now: float, furthest: float) -> bool:
    return notice.due_at is not None and (notice.due_at <= now or notice.due_at > furthest)
