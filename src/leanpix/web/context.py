"""What the routes share: the use cases, and the way from the event loop to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import ParamSpec, Protocol, TypeVar

from starlette.requests import Request

from leanpix.domain.account import Account
from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.task import Task
from leanpix.service.admin import Admin
from leanpix.service.batch import BatchDesk
from leanpix.service.cancel import Cancel
from leanpix.service.keys import Keyring
from leanpix.service.observing import ObserveRequest, TraceRequest
from leanpix.service.open_files import WholeContent
from leanpix.service.ports import Blobs, BlobStream, ResultExporter
from leanpix.service.query import Query
from leanpix.service.recent_results import RecentResults
from leanpix.service.signed_urls import SignedUrls
from leanpix.service.spool import Spool
from leanpix.service.submit import Submit
from leanpix.service.usage import MonthCounts, Usage
from leanpix.service.webhooks import Webhooks
from leanpix.web.key_queue import KeyQueue
from leanpix.web.observed import note
from leanpix.web.reading import Readers, content_of
from leanpix.web.rendering import Rendering
from leanpix.web.request_shares import RequestShares
from leanpix.web.settings import WebSettings
from leanpix.web.unpacking import Unpacking

KEY_HEADER = "X-API-KEY"

P = ParamSpec("P")
T = TypeVar("T")


class TaskEnds(Protocol):
    """Tells an event loop that a task has ended."""

    def subscribe(self, task_id: str) -> asyncio.Future[Task | None]:
        """A future that is done when the task ends, with the task or None; cancel it to stop waiting."""


class Figures(Protocol):
    """Shows what this process counts."""

    def admits(self, address: str | None, authorization: str | None) -> bool:
        """Whether somebody at this address, with this Authorization header, may read the figures."""

    def figures(self) -> bytes:
        """Every figure as text; it may wait for the database."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a balancer should ask this node, and what works: `ok`, or `off: why`, by function and by part."""

    is_ready: bool
    functions: Mapping[str, str]
    checks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Context:
    """The use cases behind the routes. readiness looks at what works, and what protection is off.

    drained is set when this process is about to end: waits for tasks are over then. calls has the threads of use cases,
    look_ups those of what every poll asks for: a few rows, no files.
    """

    settings: WebSettings
    keyring: Keyring
    submit: Submit
    cancel: Cancel
    spool: Spool
    query: Query
    admin: Admin
    usage: Usage
    month_counts: MonthCounts
    webhooks: Webhooks
    batches: BatchDesk
    rendering: Rendering
    links: SignedUrls
    exporter: ResultExporter
    blobs: Blobs
    recent: RecentResults
    ends: TaskEnds
    readiness: Callable[[], Readiness]
    calls: Executor
    look_ups: Executor
    turns: KeyQueue
    shares: RequestShares
    unpacking: Unpacking
    readers: Readers
    drained: Event
    figures: Figures
    observe: ObserveRequest
    failed: Callable[[StoreUnavailableError], None]  # told of a store that did not answer, before its caller is
    trace: TraceRequest | None = None  # None: requests have no spans

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case in a thread; they wait for disks and databases. What is begun is waited for, come what may."""
        within = copy_context()  # a trace is carried in it
        called = asyncio.get_running_loop().run_in_executor(self.calls, partial(within.run, work, *args, **kwargs))
        try:
            return await asyncio.shield(called)
        except StoreUnavailableError as failure:
            self.failed(failure)
            raise
        except asyncio.CancelledError:
            await asyncio.wait([called])  # it may use what its caller drops
            raise

    async def look_up(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that reads or counts a few rows, apart from those that wait for files."""
        return await asyncio.get_running_loop().run_in_executor(self.look_ups, partial(work, *args, **kwargs))

    async def content(self, blob: str) -> BlobStream | None:
        """A result's content, read already where it is small; None where it is gone."""
        recent = self.recent.take(blob)
        return await self.call(content_of, self.blobs, blob) if recent is None else WholeContent(recent)

    async def admit(self, account: Account, idempotency_key: str | None) -> None:
        """Take one create of the key's rate, a short wait included; what Submit.admit raises."""

        async def ask() -> None:
            if self.submit.admits_at_once(account):
                self.submit.admit(account, idempotency_key)
            else:
                await self.look_up(self.submit.admit, account, idempotency_key)

        await self.turns.take(account.id, ask)

    async def account(self, request: Request) -> Account:
        """The account behind the request's key; KeyRefusedError, RequestsError."""
        return await self.account_of(request, request.headers.get(KEY_HEADER))

    async def account_of(self, request: Request, text: str | None) -> Account:
        """The account behind a key that the request carries somewhere else; KeyRefusedError."""
        account = self.keyring.remembered(text)
        if account is None:
            account = await self.look_up(self.keyring.account, text)
        note(request, key_id=account.id)
        self.shares.enter(request, account.id)
        return account


def context_of(request: Request) -> Context:
    """The context that the application was made with."""
    context = request.app.state.context
    if not isinstance(context, Context):
        raise TypeError("the application was made without a context")
    return context
