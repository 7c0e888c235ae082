"""The cluster that the drill is done to: every part a real process, every node through pgbouncer, clients through both
balancers."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import obstore
from tests.drill.traffic import Clients
from tests.support.balancers import NAME, balanced
from tests.support.cluster import Cluster, Node, cluster_over
from tests.support.poolers import Pgbouncer, pgbouncer
from tests.support.server import key_in
from tests.support.servers import Postgres, Seaweed

PREFIX = "drill"
_READY_S = 120.0
_TIDY_S = 20.0
# What the log says of the ordinary course of things.
_ORDINARY = {"request", "task"}
_TOLD = ("part", "function", "reason", "kind", "why", "cause")
# One hold and one end of it: charged where the task has succeeded, given back where it has not.
_WRONG_BOOKS = """
    SELECT count(*) FROM (
        SELECT state, charged, array_agg(kind::text ORDER BY ledger.id) AS kinds, sum(ledger.credits) AS total
        FROM tasks JOIN ledger ON task_id = tasks.id WHERE tasks.created_at > %s GROUP BY tasks.id, state, charged
    ) AS books
    WHERE (state, charged, kinds, total) NOT IN ((1, 1, ARRAY['hold', 'settle'], -2))
      AND NOT (state < 0 AND charged = 0 AND kinds = ARRAY['hold', 'release'])
"""


@dataclass
class Installation:
    """Nodes by their names, and the servers they stand on."""

    cluster: Cluster
    postgres: Postgres
    store: Seaweed
    pooler: Pgbouncer
    clients: Clients
    nodes: dict[str, Node] = field(default_factory=dict)
    _read_to: dict[Path, int] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """The node of this name, in the place of one that is gone; an API node at the address that it had."""
        before = self.nodes.get(name)
        if name.startswith("worker"):
            self.nodes[name] = self.cluster.worker()
        else:
            port = None if before is None else int(before.base.rpartition(":")[2])
            self.nodes[name] = self.cluster.api(port=port)

    def has_in_hand(self, name: str) -> bool:
        """Whether the worker of this name has a task that has not ended; its processes' names begin with their pids."""
        query = "SELECT 1 FROM tasks WHERE completed_at IS NULL AND starts_with(owner, %s) LIMIT 1"
        return bool(self.cluster.rows(query, f"{self.nodes[name].process.pid}-"))

    def is_ready(self) -> bool:
        """Whether every API node is, and every node lives."""
        return all(node.process.poll() is None and _is_ready(node) for node in self.nodes.values())

    def whole_after(self, since: float, accepted: Sequence[str]) -> float | None:
        """Seconds until all is ready, all that was accepted has ended, and pictures are made; None: it is not so."""
        while time.monotonic() - since < _READY_S:
            if self.is_ready() and self.clients.succeeds_everywhere() and self.unended(accepted) == 0:
                return time.monotonic() - since
            time.sleep(0.1)
        return None

    def unended(self, tasks: Sequence[str]) -> int:
        query = "SELECT count(*) FROM tasks WHERE id = ANY(%s) AND completed_at IS NOT NULL"
        return len(set(tasks)) - int(self.cluster.rows(query, list(set(tasks)))[0][0])

    def failed(self, tasks: Sequence[str]) -> int:
        """How many of what was accepted have ended without a result."""
        query = "SELECT count(*) FROM tasks WHERE id = ANY(%s) AND state < 0"
        return int(self.cluster.rows(query, list(set(tasks)))[0][0])

    def wrong_books(self, since: float) -> int:
        """Tasks created since (Unix seconds) whose ledger is not as it should be."""
        return int(self.cluster.rows(_WRONG_BOOKS, since)[0][0])

    def left_over(self, before: tuple[int, int]) -> tuple[int, int]:
        """Objects more than before that no open task and no result stands for, after the time that clean-up takes.

        Those of tasks that are known, such as a killed attempt's, which go when their task does; and all others.
        """
        deadline = time.monotonic() + _TIDY_S
        while (found := self.left_over_now()) > before and time.monotonic() < deadline:
            time.sleep(0.5)
        return max(0, found[0] - before[0]), max(0, found[1] - before[1])

    def left_over_now(self) -> tuple[int, int]:
        """The same at this moment."""
        listed = [str(meta["path"]) for page in obstore.list(self.store.store(), PREFIX) for meta in page]
        rows = self.cluster.rows("SELECT id, completed_at IS NULL, result_blob FROM tasks")
        results, known = {row[2] for row in rows}, {row[0] for row in rows}
        still_open = {row[0] for row in rows if row[1]}
        of_known = of_none = 0
        for key in (path.removeprefix(f"{PREFIX}/") for path in listed):
            kind, _, name = key.partition("/")
            task = name.partition("/")[0]
            is_needed = task in still_open if kind in {"sources", "fetched"} else key in results
            if name and not is_needed:  # beside folders lies only the mark of whose store it is
                of_known += task in known
                of_none += task not in known
        return of_known, of_none

    def lines(self, more: Sequence[Node] = ()) -> list[str]:
        """What the nodes' logs have that is new, without the ordinary: each line once, with how often it came."""
        names = {node.output: name for name, node in self.nodes.items()}
        names |= {node.output: "the other node" for node in more}
        found: Counter[str] = Counter()
        for node in self.cluster.nodes:
            text = node.output.read_text()
            new = text[self._read_to.get(node.output, 0) :]
            self._read_to[node.output] = len(text)
            name = names.get(node.output, "the node before it")
            found.update(f"{name}: {line}" for line in map(_line, new.splitlines()) if line)
        return [f"{line} ({count} times)" if count > 1 else line for line, count in found.items()]


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Two API nodes and two workers with signs of life as they are by default, whole and ready."""
    with ExitStack() as stack:
        postgres = Postgres(settings=("max_connections=300",)).start()
        stack.callback(postgres.close)
        store = Seaweed().start()
        stack.callback(store.close)
        pooler = stack.enter_context(pgbouncer(postgres, "transaction"))
        direct = postgres.new_database()
        settings = {
            "database_url": pooler.leading_to(direct), "database_direct_url": direct, "public_url": f"https://{NAME}",
            "log_format": "json", "heartbeat_s": "2", "stale_s": "6", "drain_s": "5",
        }  # fmt: skip
        (folder / PREFIX).mkdir()
        cluster = stack.enter_context(cluster_over(direct, store, folder / PREFIX, **settings))
        cluster.cli("migrate")
        key = key_in(cluster.cli("keys", "create", "--name", "shop", "--credits", "1000000", "--qps", "1000"))
        found = Installation(cluster, postgres, store, pooler, Clients(key, {}))
        for name in ("api-1", "api-2", "worker-1", "worker-2"):
            found.start(name)
        cluster.wait()
        addresses = [node.base.removeprefix("http://") for node in found.nodes.values() if node.base]
        bases = {kind: stack.enter_context(balanced(kind, folder / kind, addresses)) for kind in ("haproxy", "caddy")}
        found.clients.bases = bases
        assert found.whole_after(time.monotonic(), []) is not None, "the cluster did not start"
        yield found


def _is_ready(node: Node) -> bool:
    if not node.base:
        return "works on" in node.output.read_text()
    try:
        return httpx.get(f"{node.base}/readyz", timeout=10, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _line(text: str) -> str:
    """A line as a page may show it: what happened and to what, without time and ids; empty for the ordinary."""
    if not text.startswith("{"):
        return "" if text.startswith(("leanpix serves", "leanpix works", "leanpix compresses")) else text
    said = json.loads(text)
    if said["event"] in _ORDINARY:
        return ""
    more = " ".join(f"{name}={said[name]}" for name in _TOLD if name in said)
    line = f"{said['level']}: {said['event'].partition(chr(10))[0]}{' ' + more if more else ''}"
    # One of many lines that differ in a number is shown once, with how often it came.
    return re.sub(r"\b0x[0-9a-f]+\b|(?<=pool-)\d+|(?<=port )\d+|(?<=127\.0\.0\.1:)\d+|[0-9.]+(?=[mµ]?s\b)", "...", line)
