"""The client for ordinary code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack, overload

import httpx

from .flow import Answer, Call, Flow, Pause, Read
from .request import DEFAULT_TIMEOUT, NO_PROXY, as_request, checked_key, service_at
from .retries import Retries
from .values import Outcome, Progress, RequestOptions, Result, Source, checked_options

T = TypeVar("T")


class Client:
    """A service at base_url, used with a key. Thread-safe.

    http: an httpx.Client of your own (proxies, certificates, limits), which is then yours to close.
    """

    def __init__(
        self, base_url: str, key: str, *, retries: Retries | None = None, http: httpx.Client | None = None
    ) -> None:
        self._key, self._http, self._owns = (
            checked_key(key),
            http or httpx.Client(timeout=DEFAULT_TIMEOUT, mounts=NO_PROXY),
            http is None,
        )
        self._service = service_at(base_url, retries or Retries())

    @overload
    def compress(
        self, source: Source, *, wait: Literal[True] = True, timeout_s: float = 180, **options: Unpack[RequestOptions]
    ) -> Result: ...

    @overload
    def compress(
        self, source: Source, *, wait: Literal[False], timeout_s: float = 180, **options: Unpack[RequestOptions]
    ) -> Task: ...

    def compress(
        self, source: Source, *, wait: bool = True, timeout_s: float = 180, **options: Unpack[RequestOptions]
    ) -> Result | Task:
        """Compress a picture: its result or, with wait=False, the handle of its task. ClientError, OSError."""
        if wait:
            return self._run(self._service.whole(source, options, timeout_s))
        return self.task(self._run(self._service.create(source, options)))

    def score(self, reference: Source, picture: Source, *, timeout_s: float = 180) -> Result:
        """How a picture looks beside its reference: the result's `score` and `report["worst"]`; its data is a map.

        The map is a PNG of where it looks how bad. Sources are those of compress, but for URLs. ClientError, OSError.
        """
        return self._run(self._service.compare(reference, picture, timeout_s))

    def compress_many(
        self,
        sources: Iterable[Source],
        *,
        concurrency: int = 4,
        on_progress: Callable[[int, Outcome], None] | None = None,
        timeout_s: float = 180,
        **options: Unpack[RequestOptions],
    ) -> list[Outcome]:
        """Compress pictures, so many at a time; what became of each, in their order.

        on_progress is told how many have ended, and the last one's outcome, in this thread. A picture's ClientError,
        OSError or TypeError is in its outcome; KeyRefusedError ends it all, for the others would meet it too.
        """
        checked_options(options)
        waiting, found = list(sources), dict[int, Outcome]()
        with ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="leanpix-client") as threads:
            jobs = {
                threads.submit(self._run, self._service.outcome(source, options, timeout_s)): place
                for place, source in enumerate(waiting)
            }
            try:
                for job in as_completed(jobs):
                    found[jobs[job]] = job.result()
                    if on_progress is not None:
                        on_progress(len(found), found[jobs[job]])
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return [found[place] for place in range(len(waiting))]

    def task(self, task_id: str) -> Task:
        """The handle of a task that was made before."""
        return Task(task_id, self)

    def close(self) -> None:
        """Close the connections."""
        if self._owns:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._do(step)
                except (httpx.TransportError, OSError) as failed:
                    step = flow.throw(failed)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def _do(self, step: Call | Pause | Read) -> Answer:
        match step:
            case Call():
                return self._http.send(as_request(self._http, step, self._key), follow_redirects=not step.has_key)
            case Pause(seconds):
                time.sleep(seconds)
                return None
            case Read(path):
                return path.read_bytes()


@dataclass(frozen=True, slots=True)
class Task:
    """A task under way."""

    id: str
    _client: Client

    def progress(self) -> Progress:
        """How far it is."""
        return self._client._run(self._client._service.progress(self.id))  # noqa: SLF001 - one module's own parts

    def result(self, timeout_s: float = 180) -> Result:
        """Wait for its end and download its result; may be called again after WaitedTooLongError."""
        return self._client._run(self._client._service.finish(self.id, timeout_s))  # noqa: SLF001 - the same
