"""What clients, operators and misfortune do: one function for each kind of operation in plan.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, TypeVar

from tests.simulation.outside import SMALL_PX, picture
from tests.simulation.plan import STALLS_S

from leanpix.domain.account import Account
from leanpix.domain.errors import LeanpixError, NotFoundError
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.task import Task
from leanpix.domain.webhook import Callback
from leanpix.service.batch import BatchSize, BatchTerms, NamedSource
from leanpix.service.submit import Address, Upload, stored_form

if TYPE_CHECKING:
    from tests.simulation.installation import Installation
    from tests.simulation.node import Node

Act = Callable[["Installation", Random], None]
OPERATIONS: dict[str, Act] = {}
_R = TypeVar("_R")
_OPTIONS = (
    CompressionOptions(quality=80),
    CompressionOptions(quality=50),
    CompressionOptions(quality=80, widths=(SMALL_PX, 2 * SMALL_PX)),
)
_TRIES = 3


def operation(act: Act) -> Act:
    """Have an operation of the function's name."""
    OPERATIONS[act.__name__.replace("_", " ")] = act
    return act


@operation
def submit(world: Installation, draw: Random) -> None:
    """One create, sent again by its client where there was no answer; or one that waits for its end."""
    if draw.random() < 0.5:
        _submit_and_wait(world, draw, _account(world, draw))
        return
    _submit(world, draw, _account(world, draw), _token(draw))


@operation
def resubmit(world: Installation, draw: Random) -> None:
    """The same create twice at once, and once more later, under one idempotency key."""
    account, token, seed = _account(world, draw), f"token {draw.random()}", draw.getrandbits(32)
    for _ in range(2):
        world.client("again", lambda: _submit(world, Random(seed), account, token))  # noqa: S311 - repeatable
    world.scheduler.sleep(draw.choice((0.1, 10.0)))
    _submit(world, Random(seed), account, token)  # noqa: S311 - repeatable


@operation
def crowd(world: Installation, draw: Random) -> None:
    """One key sends as much as it may, and another one a single picture."""
    account = _account(world, draw)
    for _ in range(14):
        seed = draw.getrandbits(32)
        world.client("crowd", partial(_submit, world, Random(seed), account, None))  # noqa: S311 - repeatable
    world.scheduler.sleep(1.0)
    _submit(world, draw, _account(world, draw), None)


@operation
def batch(world: Installation, draw: Random) -> None:
    """Some pictures at once."""
    account, token, callback = _account(world, draw), _token(draw), _callback(draw)
    sources = [_source(draw, may_be_kept=False) for _ in range(draw.randint(1, 6))]

    def send(node: Node) -> str:
        named = (NamedSource(f"{number}.jpg", source) for number, source in enumerate(sources))
        stored = sum(len(bytes(stored_form(source))) for source in sources)
        return node.batches.submit(
            account, named, BatchTerms(_OPTIONS[0], callback, token), BatchSize(len(sources), stored)
        )

    batch_id = _insist(world, draw, send)
    if batch_id is not None:
        world.auditor.accepted(batch_id, account.id, token, "batch")


@operation
def topup(world: Installation, draw: Random) -> None:
    """Credits are added; nobody sends that again blindly."""
    key_id = _account(world, draw).id
    world.ask(draw, lambda node: node.admin.topup(key_id, 3))


@operation
def cancel(world: Installation, draw: Random) -> None:
    """The owner of a task wants it no more."""
    task_id = _some(world, draw, "task")
    if task_id is not None:
        world.auditor.unwanted.add(task_id)
        account = world.account(world.auditor.keys[task_id])
        _insist(world, draw, lambda node: node.cancel.task(account, task_id))


@operation
def cancel_batch(world: Installation, draw: Random) -> None:
    """The same for all of a batch."""
    batch_id = _some(world, draw, "batch")
    if batch_id is not None:
        world.auditor.unwanted.add(batch_id)
        account = world.account(world.auditor.keys[batch_id])
        _insist(world, draw, lambda node: node.cancel.batch(account, batch_id))


@operation
def revoke(world: Installation, draw: Random) -> None:
    """A key is revoked, with whatever it has under way."""
    key_id = _account(world, draw).id
    world.auditor.unwanted.add(key_id)
    _insist(world, draw, lambda node: node.admin.revoke(key_id))


@operation
def query(world: Installation, draw: Random) -> None:
    """Each task that was promised lately is there, for its own key."""
    for task_id, what in list(world.auditor.promised.items())[-3:]:
        if what == "task":
            account = world.account(world.auditor.keys[task_id])
            answer = world.ask(draw, partial(_queried, account, task_id))
            if isinstance(answer, NotFoundError) and not world.auditor.may_be_gone(task_id):
                world.auditor.broken(f"{task_id} was promised and is not found")


@operation
def crash(world: Installation, draw: Random) -> None:
    """A process is killed."""
    world.crash(world.node(draw))


@operation
def restart(world: Installation, draw: Random) -> None:
    """A process is stopped in order, and another one takes its place."""
    world.restart(world.node(draw))


@operation
def stall(world: Installation, draw: Random) -> None:
    """A process stands still, for its machine does, and goes on as if nothing had happened."""
    world.stall(world.node(draw), draw.choice(STALLS_S))


@operation
def outage(world: Installation, draw: Random) -> None:
    """The database or the file store is away."""
    world.weather.take_away(draw.choice(("database", "files")), draw.choice((0.5, 5.0, 15.0)))


@operation
def deliver_again(world: Installation, draw: Random) -> None:
    """A task is delivered once more than it should be."""
    known = sorted(world.auditor.sources)
    if known:
        task_id = draw.choice(known)
        world.ask(draw, lambda node: node.deliver(task_id))


@operation
def power_cut(world: Installation, draw: Random) -> None:
    """The machine of the rows and files goes dark, and with it what was not on its disk yet."""
    world.cut_power(draw)


def _some(world: Installation, draw: Random, what: str) -> str | None:
    """Something that was promised, or that will be a moment later."""
    world.scheduler.sleep(draw.choice((0.0, 1.0)))
    known = [one for one, kind in world.auditor.promised.items() if kind == what]
    return draw.choice(known) if known else None


def _queried(account: Account, task_id: str, node: Node) -> Task:
    return node.query.query(account, task_id)


def _submit(world: Installation, draw: Random, account: Account, token: str | None) -> None:
    source, callback, options = _source(draw), _callback(draw), draw.choice(_OPTIONS)

    def send(node: Node) -> str:
        return node.submit.submit(account, source, options, ReturnType.URL, token, callback=callback)

    task_id = _insist(world, draw, send)
    if task_id is not None:
        world.auditor.accepted(task_id, account.id, token, "task")


def _insist(world: Installation, draw: Random, send: Callable[[Node], _R]) -> _R | None:
    """The answer, asked for a few times where there was none."""
    for _ in range(_TRIES):
        answer = world.ask(draw, send)
        if not isinstance(answer, LeanpixError | TimeoutError):
            return answer
        world.scheduler.sleep(draw.choice((0.1, 2.0)))
    return None


def _submit_and_wait(world: Installation, draw: Random, account: Account) -> None:
    """A create with sync=1: its answer is the end, or the task's id where the wait is over before."""
    content, callback, patience_s = picture(draw), _callback(draw), draw.choice((0.2, 3.0, 40.0))

    def send(node: Node) -> Task:
        task_id = node.submit.submit(
            account, Upload(content), _OPTIONS[0], ReturnType.URL, callback=callback, is_awaited=True
        )
        until = world.scheduler.now + patience_s
        while not (task := node.query.task(account, task_id)).state.is_final:
            if world.scheduler.now >= until or node.stopping.is_set():
                node.submit.promise(task_id)
                break
            node.scheduler.sleep(0.5)
        node.submit.let_go(task_id)
        return task

    answer = world.ask(draw, send)
    if isinstance(answer, Task) and answer.state.is_final:
        world.auditor.answered(answer)
    elif isinstance(answer, Task):
        world.auditor.accepted(answer.id, account.id, None, "task")


def _account(world: Installation, draw: Random) -> Account:
    return world.account(f"key {draw.randrange(len(world.plan.credit))}")


def _token(draw: Random) -> str | None:
    return f"token {draw.random()}" if draw.random() < 0.5 else None


def _callback(draw: Random) -> Callback | None:
    return Callback(f"https://{draw.choice('ab')}.example/hook", "https://me") if draw.random() < 0.4 else None


def _source(draw: Random, *, may_be_kept: bool = True) -> Upload | Address:
    content, is_kept = picture(draw), may_be_kept and draw.random() < 0.2
    if content.startswith(b"unreachable") or draw.random() < 0.2:
        return Address(f"https://site.example/{content.decode().replace(' ', '-')}", is_kept)
    return Upload(content, is_kept)
