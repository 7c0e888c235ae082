"""The thread that proves from time to time that this node's database, store and secret belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

from leanpix.domain.errors import SetupError
from leanpix.service.pairing import Pairing
from leanpix.service.ports import Clock

_UNPROVEN_S = 1.0  # a node waits for it
_RENEW_S = 3600.0  # below a day, the least age that a bucket's rule can name


@dataclass(slots=True)
class PairingWatch:
    """Looks every interval_s, and every second while nothing is proven or it is_pressing.

    on_proof is told each time that both answer and belong together.
    """

    pairing: Pairing
    interval_s: float
    monotonic: Clock
    on_error: Callable[[BaseException], None]
    on_proof: Callable[[], object] = lambda: None
    is_pressing: Callable[[], bool] = lambda: False
    _stopped: Event = field(default_factory=Event)

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._run, name="pairing", daemon=True).start()

    def stop(self) -> None:
        """End it at its next turn."""
        self._stopped.set()

    def _run(self) -> None:
        renew_at = look_at = self.monotonic()
        while not self._stopped.wait(min(self.interval_s, _UNPROVEN_S)):
            if self.pairing.may_work and not self.is_pressing() and self.monotonic() < look_at:
                continue
            look_at = self.monotonic() + self.interval_s
            try:
                if self.pairing.is_proven:
                    self.pairing.look()
                else:
                    self.pairing.admit()
                if self.pairing.may_work:
                    self.on_proof()
                if self.monotonic() >= renew_at:
                    self.pairing.renew()
                    renew_at = self.monotonic() + _RENEW_S
            except SetupError:
                pass  # the pairing has told why
            except Exception as failure:  # noqa: BLE001 - a store that is briefly away must not end the thread
                self.on_error(failure)
