"""A whole installation under its weather: processes that come and go, stores that fail, clients that ask."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar, cast

from tests.simulation.auditor import Auditor
from tests.simulation.blobs import ModelBlobs
from tests.simulation.node import BOUNDS, RETENTION_S, Node, Surroundings
from tests.simulation.outside import Receivers
from tests.simulation.plan import STALLS_S, Plan
from tests.simulation.repositories import ModelDatabase
from tests.simulation.rows import Rows, Work
from tests.simulation.scheduler import Actor, Killed, Scheduler, SimulatedEvent

from leanpix.domain.account import Account
from leanpix.domain.errors import LeanpixError, OutcomeUnknownError, StoreUnavailableError

PATIENCE_S = 60.0
_IDLE_IN_TRANSACTION_S = 8.0
_MOST_MISHAPS = 10
_R = TypeVar("_R")


class Weather:
    """What goes wrong by chance, until it clears up."""

    def __init__(self, scheduler: Scheduler, plan: Plan) -> None:
        self._scheduler, self._plan = scheduler, plan
        self._away_until = {"database": 0.0, "files": 0.0}
        self.is_calm = plan.is_calm

    def clear_up(self) -> None:
        """Nothing goes wrong any more."""
        self.is_calm = True
        self._away_until = dict.fromkeys(self._away_until, 0.0)

    def take_away(self, store: str, seconds: float) -> None:
        """A store does not answer for so long."""
        self._away_until[store] = self._scheduler.now + seconds

    def before(self, what: str) -> None:
        """A statement or a commit does not arrive."""
        if not self.is_calm and (self._is_away("database") or self._scheduler.random() < self._plan.failure):
            self._scheduler.note("  ... the database does not answer")
            raise self._lost(what)

    def after(self, what: str) -> None:
        """The answer is lost on its way back; a file has no way back."""
        if self.is_calm or not self._plan.is_shared:
            return
        if self._scheduler.random() < self._plan.lost_reply:
            self._scheduler.note("  ... done, and the answer was lost")
            raise self._lost(what)

    def delays(self, commit: Callable[[], None]) -> bool:
        """The commit is on its way while its sender gives up."""
        if self.is_calm or not self._plan.is_shared or self._scheduler.random() >= self._plan.lost_reply / 4:
            return False

        def later() -> None:
            self._scheduler.sleep(self._scheduler.draw.choice((0.05, 1.0, 6.0)))
            self._scheduler.note("  ... a commit that nobody waits for any more is done")
            commit()

        self._scheduler.note("  ... no answer, and the commit is still on its way")
        self._scheduler.spawn(self._scheduler.outside, "server", later)
        return True

    def let_go(self, work: Work) -> None:
        """The server notices at once, or after a while where the machine is gone, that nobody is there any more."""
        actor = self._scheduler.current
        vanished = actor is not None and actor.process.dead and self._plan.is_shared
        if vanished and not self.is_calm and self._scheduler.random() < 0.3:
            self._scheduler.spawn(self._scheduler.outside, "server", lambda: self._end_later(work))
        else:
            work.end()

    def before_file(self, what: str, key: str) -> None:
        """The file store does not do it."""
        self._scheduler.point(f"blobs.{what} {key}")
        if not self.is_calm and (self._is_away("files") or self._scheduler.random() < self._plan.failure):
            self._scheduler.note("  ... the file store does not answer")
            raise StoreUnavailableError

    def after_file(self, what: str, key: str) -> None:
        """It was done, and nobody heard of it."""
        del what, key
        if not self.is_calm and self._scheduler.random() < self._plan.failure:
            self._scheduler.note("  ... done, and the answer was lost")
            raise StoreUnavailableError
        self._scheduler.point("blobs, done")

    def _lost(self, what: str) -> StoreUnavailableError:
        return OutcomeUnknownError() if what == "commit" and self._plan.is_shared else StoreUnavailableError()

    def _is_away(self, store: str) -> bool:
        return self._away_until[store] > self._scheduler.now

    def _end_later(self, work: Work) -> None:
        self._scheduler.sleep(_IDLE_IN_TRANSACTION_S)
        work.end()


class Installation:
    """Processes over one database and one file store, and their clients."""

    def __init__(self, plan: Plan, *, traced: bool = False) -> None:
        self.plan = plan
        self.scheduler = scheduler = Scheduler(plan.seed, switch=plan.switch, traced=traced)
        self.weather = Weather(scheduler, plan)
        self.rows = Rows(scheduler, is_shared=plan.is_shared, failures=self.weather)
        self.auditor = Auditor(scheduler, plan, self.rows, BOUNDS, RETENTION_S)
        self.blobs = ModelBlobs(
            lambda: scheduler.now,
            before=self.weather.before_file,
            after=self.weather.after_file,
            later=self._later,
            stored=self.auditor.stored,
            removed=self.auditor.removed,
        )
        self.auditor.blobs = self.blobs
        self._ids = 0
        self._mishaps = 0
        self.around = Surroundings(
            scheduler=scheduler,
            plan=plan,
            database=ModelDatabase(self.rows),
            blobs=self.blobs,
            receivers=Receivers(scheduler, scheduler.draw, self.auditor.posted),
            new_id=self._new_id,
            draw=scheduler.draw,
            is_alive=self._is_alive,
            stored=self.auditor.stored,
        )
        self.nodes: list[Node] = []
        scheduler.disturb = self._disturb

    def open(self) -> None:
        """Make the keys and start the processes."""
        for number, credit in enumerate(self.plan.credit):
            account = Account(f"key {number}", "name", 1.0, credit, is_admin=False, created_at=0.0)
            self.rows.apply({("accounts", account.id): (account, b"")}, durable=True)
        for number in range(len(self.plan.skews_s)):
            self.nodes.append(self._started(number))

    def account(self, key_id: str) -> Account:
        """The key's account."""
        return cast("Account", self.rows.tables["accounts"][key_id][0])

    def node(self, draw: Random) -> Node:
        """Some process that is there."""
        return draw.choice(self.nodes)

    def client(self, name: str, act: Callable[[], object]) -> None:
        """Somebody outside does something."""
        self.scheduler.spawn(self.scheduler.outside, name, act)

    def ask(self, draw: Random, request: Callable[[Node], _R]) -> _R | LeanpixError | TimeoutError:
        """Have some process do a request for somebody outside: its answer, its refusal, or none."""
        answer: list[_R | LeanpixError] = []
        node, answered = self.node(draw), SimulatedEvent(self.scheduler)

        def serve() -> None:
            try:
                answer.append(request(node))
            except LeanpixError as refusal:
                answer.append(refusal)
            except Exception as defect:  # noqa: BLE001 - found by the simulation: an answer 500
                self.around.failures.append(defect)
            finally:
                answered.set()

        self.scheduler.spawn(node, "request", serve)
        answered.wait(PATIENCE_S)
        return answer[0] if answer and not node.dead else TimeoutError()

    def crash(self, node: Node) -> None:
        """Kill a process; another one takes its place after a while."""
        if node.dead or self._mishaps >= _MOST_MISHAPS:
            return
        self._mishaps += 1
        self.scheduler.note(f"  *** {node.name} is killed")
        self.scheduler.kill(node)
        self._replace(node, self.scheduler.draw.choice((0.1, 3.0, 10.0)))

    def restart(self, node: Node) -> None:
        """Stop a process in order, and start another one in its place."""
        if node.dead or node.stopped.is_set():
            return
        self.scheduler.note(f"  *** {node.name} is stopped")
        node.stop()
        if not node.dead:
            self.scheduler.kill(node)
            self._replace(node, 0.1)

    def stall(self, node: Node, seconds: float) -> None:
        """Let a process stand still; a server that it talked to gives up on it after a while."""
        self.scheduler.note(f"  *** {node.name} stands still for {seconds:g} s")
        node.stalled_until = self.scheduler.now + seconds
        if self.plan.is_shared and seconds > _IDLE_IN_TRANSACTION_S:
            self.scheduler.spawn(self.scheduler.outside, "server", lambda: self._give_up_on(node))

    def cut_power(self, draw: Random) -> None:
        """The machine with the rows and files goes dark: for SQLite that is every process's machine too."""
        self.scheduler.note("  *** the power is cut")
        for work in list(self.rows.open):
            work.end()
        if not self.plan.is_shared:
            for node in self.nodes:
                self.crash(node)
        for node in self.nodes:
            node.jobs.register()
        self.rows.cut_power(draw.randint(0, self.rows.unsynced))
        self.auditor.power_was_cut()
        if not self.plan.is_shared:  # an object store has files of its own, and waits for its disks
            self._cut_power_of_files(draw)

    def _cut_power_of_files(self, draw: Random) -> None:
        for key in [key for key in self.blobs.deleted if draw.random() < 0.2]:
            self.blobs.come_back(key)
        for key in [key for key in self.blobs.unflushed if draw.random() < 0.5]:
            self.blobs.lose(key)
        self.blobs.unflushed.clear()

    def calm(self) -> None:
        """Nothing goes wrong from now on."""
        self.weather.clear_up()
        self.around.receivers.are_calm = True
        for node in self.nodes:
            node.stalled_until = 0.0

    def _give_up_on(self, node: Node) -> None:
        begun = [work for work, process in self.rows.open.items() if process is node]
        self.scheduler.sleep(_IDLE_IN_TRANSACTION_S)
        for work in begun:
            work.end()

    def _started(self, number: int) -> Node:
        self._ids += 1
        node = Node(f"node {number}.{self._ids}", self.plan.skews_s[number], self.around)
        node.number = number
        node.start()
        return node

    def _replace(self, node: Node, after_s: float) -> None:
        def start() -> None:
            self.scheduler.sleep(after_s)
            self.nodes[node.number] = self._started(node.number)
            self.scheduler.note(f"  *** {self.nodes[node.number].name} starts")

        self.scheduler.spawn(self.scheduler.outside, "operator", start)

    def _disturb(self, actor: Actor, _what: str) -> None:
        if self.weather.is_calm or not isinstance(actor.process, Node) or self._mishaps >= _MOST_MISHAPS:
            return
        chance = self.scheduler.random()
        if chance < self.plan.crash:
            self.crash(actor.process)
            raise Killed
        if chance > 1 - self.plan.stall:
            self._mishaps += 1
            self.stall(actor.process, self.scheduler.draw.choice(STALLS_S))
            self.scheduler.sleep(0.0)

    def _later(self, remove: Callable[[], None]) -> None:
        actor = cast("Actor", self.scheduler.current)
        process = actor.process

        def run() -> None:
            self.scheduler.sleep(0.5)
            try:
                remove()
            except StoreUnavailableError:
                self.scheduler.note("  ... a file is left to the sweeper")

        self.scheduler.point("blobs.discard")
        self.scheduler.spawn(process, "discards", run)

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:08x}-0000-4000-8000-000000000000"

    def _is_alive(self, name: str) -> bool:
        return any(
            node.jobs.worker == name and not node.dead and node.stalled_until <= self.scheduler.now
            for node in self.nodes
        )
