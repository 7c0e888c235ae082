"""The client for code that awaits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack, overload

import anyio
import anyio.to_thread
import httpx

from .errors import KeyRefusedError
from .flow import Answer, Call, Flow, Pause, Read
from .request import DEFAULT_TIMEOUT, NO_PROXY, as_request, checked_key, service_at
from .retries import Retries
from .values import Outcome, Progress, RequestOptions, Result, Source, checked_options

T = TypeVar("T")


class AsyncClient:
    """A service at base_url, used with a key. For asyncio and trio; tasks may share it.

    http: an httpx.AsyncClient of your own (proxies, certificates, limits), which is then yours to close.
    """

    def __init__(
        self, base_url: str, key: str, *, retries: Retries | None = None, http: httpx.AsyncClient | None = None
    ) -> None:
        self._key, self._http, self._owns = (
            checked_key(key),
            http or httpx.AsyncClient(timeout=DEFAULT_TIMEOUT, mounts=NO_PROXY),
            http is None,
        )
        self._service = service_at(base_url, retries or Retries())

    @overload
    async def compress(
        self, source: Source, *, wait: Literal[True] = True, timeout_s: float = 180, **options: Unpack[RequestOptions]
    ) -> Result: ...

    @overload
    async def compress(
        self, source: Source, *, wait: Literal[False], timeout_s: float = 180, **options: Unpack[RequestOptions]
    ) -> AsyncTask: ...

    async def compress(
        self, source: Source, *, wait: bool = True, timeout_s: float = 180, **options: Unpack[RequestOptions]
    ) -> Result | AsyncTask:
        """Compress a picture: its result or, with wait=False, the handle of its task. ClientError, OSError."""
        if wait:
            return await self._run(self._service.whole(source, options, timeout_s))
        return self.task(await self._run(self._service.create(source, options)))

    async def score(self, reference: Source, picture: Source, *, timeout_s: float = 180) -> Result:
        """How a picture looks beside its reference: the result's `score` and `report["worst"]`; its data is a map.

        The map is a PNG of where it looks how bad. Sources are those of compress, but for URLs. ClientError, OSError.
        """
        return await self._run(self._service.compare(reference, picture, timeout_s))

    async def compress_many(
        self,
        sources: Iterable[Source],
        *,
        concurrency: int = 4,
        on_progress: Callable[[int, Outcome], None] | None = None,
        timeout_s: float = 180,
        **options: Unpack[RequestOptions],
    ) -> list[Outcome]:
        """Compress pictures, so many at a time; what became of each, in their order.

        on_progress is told how many have ended, and the last one's outcome. A picture's ClientError, OSError or
        TypeError is in its outcome; KeyRefusedError ends it all, for the others would meet it too.
        """
        checked_options(options)
        waiting, found = list(sources), dict[int, Outcome]()
        places, refused = anyio.CapacityLimiter(max(1, concurrency)), list[KeyRefusedError]()

        async def one(place: int) -> None:
            async with places:
                try:
                    found[place] = await self._run(self._service.outcome(waiting[place], options, timeout_s))
                except KeyRefusedError as error:
                    refused.append(error)
                    group.cancel_scope.cancel()
                    return
            if on_progress is not None:
                on_progress(len(found), found[place])

        async with anyio.create_task_group() as group:
            for place in range(len(waiting)):
                group.start_soon(one, place)
        if refused:
            raise refused[0]
        return [found[place] for place in range(len(waiting))]

    def task(self, task_id: str) -> AsyncTask:
        """The handle of a task that was made before."""
        return AsyncTask(task_id, self)

    async def close(self) -> None:
        """Close the connections."""
        if self._owns:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._do(step)
                except (httpx.TransportError, OSError) as failed:
                    step = flow.throw(failed)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, step: Call | Pause | Read) -> Answer:
        match step:
            case Call():
                return await self._http.send(as_request(self._http, step, self._key), follow_redirects=not step.has_key)
            case Pause(seconds):
                await anyio.sleep(seconds)
                return None
            case Read(path):
                return await anyio.to_thread.run_sync(path.read_bytes)


@dataclass(frozen=True, slots=True)
class AsyncTask:
    """A task under way."""

    id: str
    _client: AsyncClient

    async def progress(self) -> Progress:
        """How far it is."""
        return await self._client._run(self._client._service.progress(self.id))  # noqa: SLF001 - one module's own parts

    async def result(self, timeout_s: float = 180) -> Result:
        """Wait for its end and download its result; may be called again after WaitedTooLongError."""
        return await self._client._run(self._client._service.finish(self.id, timeout_s))  # noqa: SLF001 - the same
