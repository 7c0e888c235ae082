"""Who has how much of a worker, so that a key that sends ever more does not make the others wait."""

from __future__ import annotations

from collections import Counter

from leanpix.service.ports import Clock

# A client that sends one picture after another has the next one ready within this time.
_PRESENT_S = 2.0


class TenantSlots:
    """The slots of one worker by key. Not thread-safe.

    The last free slot is kept for a moment for a key whose task has just ended and that has nothing else running: it
    would otherwise find every slot taken by the key with the longest queue, and wait for one each time.

    spare slots are for keys that have nothing running, whatever they did before: however long the tasks take that hold
    all others, another key's first one begins at once, and shares the processors with them.
    """

    def __init__(self, slots: int, monotonic: Clock, spare: int = 0) -> None:
        self._slots, self._spare, self._monotonic = slots, spare, monotonic
        self._keys: dict[str, str] = {}  # by task
        self._ended: dict[str, float] = {}  # by key

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def may_take(self, key_id: str) -> bool:
        """Whether a task of this key may have one of the free slots now."""
        running = Counter(self._keys.values())
        if len(self._keys) >= self._slots:
            return len(self._keys) < self._slots + self._spare and not running[key_id]
        is_last = self._slots > 1 and len(self._keys) == self._slots - 1
        return not (is_last and running[key_id] and self._absent_for_a_moment(running, key_id))

    def take(self, task_id: str, key_id: str) -> None:
        """A slot is taken."""
        self._keys[task_id] = key_id

    def end(self, task_id: str) -> None:
        """A slot is free again."""
        self._ended[self._keys.pop(task_id)] = self._monotonic()

    def drop(self, task_id: str) -> None:
        """A slot is free again whose task was somebody else's after all."""
        del self._keys[task_id]

    def _absent_for_a_moment(self, running: Counter[str], key_id: str) -> bool:
        oldest = self._monotonic() - _PRESENT_S
        self._ended = {key: ended for key, ended in self._ended.items() if ended > oldest}
        return any(key != key_id and not running[key] for key in self._ended)
