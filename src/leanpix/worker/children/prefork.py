"""Children made ahead: forked and waiting, so that a job does not wait for its fork."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from leanpix.worker.children.descriptors import ChildDescriptors
from leanpix.worker.children.supervisor import ZygoteSupervisor
from leanpix.worker.children.wire import FORK

_PAUSE_S = 1.0


class PreforkedChildren:
    """Up to `most` children that wait for a job; each does one and is never put back. Thread-safe.

    A thread of its own has them made: asking the zygote for one takes up to 1.5 ms where the machine is busy.
    """

    def __init__(self, supervisor: ZygoteSupervisor, most: int) -> None:
        self._supervisor, self._most = supervisor, most
        self._waiting: list[ChildDescriptors] = []
        self._changed = threading.Condition()
        self._is_due = self._closing = False
        self._thread = threading.Thread(target=self._keep, name="ready-children", daemon=True)

    def start(self) -> None:
        """Have the first ones made."""
        self._thread.start()
        self.refill()

    def take(self, deadline_s: float) -> ChildDescriptors | None:
        """A child that waits, or one made now; None when no zygote was ready before the monotonic deadline.

        OSError where there are no descriptors for one.
        """
        while (child := self._next()) is not None:
            if child.is_held:
                return child
            child.close()  # it was killed, or it died with its zygote
        return self._made(deadline_s)

    def refill(self) -> None:
        """Have as many made as may wait, behind the caller's back."""
        with self._changed:
            self._is_due = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let go of those that wait, and have no more. May be called again, and without a start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        while (child := self._next()) is not None:
            child.close()

    def _next(self) -> ChildDescriptors | None:
        with self._changed:
            return self._waiting.pop(0) if self._waiting else None

    def _keep(self) -> None:
        while self._is_wanted():
            try:
                child = self._made(deadline_s=0)
            except OSError:
                child = None
            with self._changed:
                if child is not None:
                    self._waiting.append(child)
                else:  # no zygote, no descriptor: a job that comes meanwhile has its own made
                    self._changed.wait_for(lambda: self._closing, _PAUSE_S)

    def _is_wanted(self) -> bool:
        with self._changed:
            if len(self._waiting) >= self._most:
                self._is_due = False
            self._changed.wait_for(lambda: self._closing or (self._is_due and len(self._waiting) < self._most))
            return not self._closing

    def _made(self, deadline_s: float) -> ChildDescriptors | None:
        with ExitStack() as undo:
            child = undo.enter_context(ChildDescriptors())
            child.zygote_pid = self._supervisor.send(FORK, child.sent, deadline_s)
            if child.zygote_pid is None:
                return None
            child.close_sent()
            undo.pop_all()
            return child
