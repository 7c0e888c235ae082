"""The talk with the server, without a way to do it: generators that ask for a call, a pause or a file.

Both clients drive the same ones; that is all they differ in. A call's answer is sent in; a lost connection is thrown
in, as httpx.TransportError, and a file that cannot be read, as OSError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx

from .errors import (
    BusyError,
    ClientError,
    ConnectionLostError,
    DamagedResultError,
    KeyRefusedError,
    RequestRefusedError,
    ServerFailedError,
    TaskFailedError,
    UnexpectedAnswerError,
    WaitedTooLongError,
)
from .retries import Retries, retry_after_s
from .values import Outcome, Progress, RequestOptions, Result, Source, checked_options, content_of, format_of_whole

API = "/api/tasks/visual/imgcompress"
_FIRST_POLL_S, _POLL_GROWTH, _LAST_POLL_S = 0.2, 1.5, 1.0

T = TypeVar("T")
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Call:
    """A request. fields and files, by name, make a multipart form; the key is sent only to the service itself."""

    method: str
    url: str
    has_key: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Read:
    """A file's content."""

    path: Path


Answer = httpx.Response | bytes | None
Flow = Generator[Call | Pause | Read, Answer, T]


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is, and how patient to be with it. random gives 0 to 1, new_key text never given before."""

    base_url: str
    retries: Retries
    monotonic_s: Callable[[], float]
    now_s: Callable[[], float]
    random: Callable[[], float]
    new_key: Callable[[], str]

    def create(self, source: Source, options: RequestOptions) -> Flow[str]:
        """Make a task; its id. Sent again, it is the same task to a server that knows Idempotency-Key."""
        checked_options(options)
        fields = {name: _written(value) for name, value in options.items() if value is not None}
        fields |= {"sync": "0", "return_type": "1"}
        files = {}
        if isinstance(source, str) and _is_address(source):
            fields["image_url"] = source
        else:
            files["image_file"] = yield from self._content(source)
        once = {"Idempotency-Key": self.new_key()}
        data = yield from self._data(Call("POST", f"{self.base_url}{API}", fields=fields, files=files, headers=once))
        return _text(data, "task_id")

    def compare(self, reference: Source, picture: Source, timeout_s: float) -> Flow[Result]:
        """Compare a picture with its reference, wait, and download the map."""
        files = {}
        for name, source in (("reference", reference), ("image", picture)):
            if isinstance(source, str) and _is_address(source):
                raise TypeError(f"{name}: a URL is not compared; give bytes, a path, an open file or a Pillow image")
            files[name] = yield from self._content(source)
        once = {"Idempotency-Key": self.new_key()}
        data = yield from self._data(Call("POST", f"{self.base_url}/v1/score", files=files, headers=once))
        return (yield from self.finish(_text(data, "task_id"), timeout_s))

    def _content(self, source: Source) -> Flow[tuple[str, bytes]]:
        """A source's name and bytes."""
        if (held := content_of(source)) is not None:
            return held
        path = Path(source)  # type: ignore[arg-type] # a path: content_of has told all others
        content = yield Read(path)
        return path.name, content if isinstance(content, bytes) else b""

    def progress(self, task_id: str) -> Flow[Progress]:
        """How far a task is."""
        data, _ = yield from self._query(task_id)
        return _progress(data)

    def finish(self, task_id: str, timeout_s: float) -> Flow[Result]:
        """Wait for a task's end and download its result."""
        deadline_s, poll_s = self.monotonic_s() + timeout_s, _FIRST_POLL_S
        while True:
            data, message = yield from self._query(task_id)
            progress = _progress(data)
            if progress.is_final:
                break
            left_s = deadline_s - self.monotonic_s()
            if left_s <= 0:
                raise WaitedTooLongError(task_id, timeout_s)
            yield Pause(min(poll_s, left_s))
            poll_s = min(poll_s * _POLL_GROWTH, _LAST_POLL_S)
        if progress.state != 1:
            raise TaskFailedError(task_id, progress.state, message)
        return (yield from self._download(task_id, data))

    def whole(self, source: Source, options: RequestOptions, timeout_s: float) -> Flow[Result]:
        """Create, wait, download."""
        task_id = yield from self.create(source, options)
        return (yield from self.finish(task_id, timeout_s))

    def outcome(self, source: Source, options: RequestOptions, timeout_s: float) -> Flow[Outcome]:
        """The same of one of many pictures: what became of it. KeyRefusedError, which the others would meet too."""
        try:
            return Outcome(source, (yield from self.whole(source, options, timeout_s)))
        except KeyRefusedError:
            raise
        except (ClientError, OSError, TypeError) as error:
            return Outcome(source, error=error)

    def _query(self, task_id: str) -> Flow[tuple[Json, str]]:
        response = yield from self._answered(Call("GET", f"{self.base_url}{API}/{quote(task_id, safe='')}"))
        return _data_of(response), _message(response)

    def _data(self, call: Call) -> Flow[Json]:
        return _data_of((yield from self._answered(call)))

    def _download(self, task_id: str, data: Json) -> Flow[Result]:
        url, report = _text(data, "image"), data.get("report")
        if not url.lower().startswith(("http://", "https://")):
            raise UnexpectedAnswerError(f"task {task_id}: its image is no URL")
        known = report if isinstance(report, dict) else {}
        for attempt in range(self.retries.attempts):
            response = yield from self._answered(Call("GET", url, has_key=False))
            kind = format_of_whole(response.content)
            if kind is not None and _is_complete(response, known.get("result_bytes")):
                spent = data.get("credits")
                return Result(response.content, kind, task_id, spent if isinstance(spent, int) else None, known)
            yield Pause(self.retries.wait_s(attempt, 0, self.random))
        raise DamagedResultError(f"task {task_id}: its result did not arrive whole")

    def _answered(self, call: Call) -> Flow[httpx.Response]:
        """The answer to a call, sent again as long as that can help."""
        attempt, busy_s = 0, 0.0
        while True:
            asked_s = 0.0
            try:
                response = yield call
            except httpx.TransportError as lost:
                failure: ClientError = ConnectionLostError(f"{type(lost).__name__}: {lost}")
                failure.__cause__ = lost
            else:
                if not isinstance(response, httpx.Response):
                    raise TypeError("a call is answered by a response")
                if (found := _failure(response)) is None:
                    return response
                failure, asked_s = found, retry_after_s(response.headers, self.now_s())
            wait_s = self.retries.wait_s(attempt, asked_s, self.random)
            busy_s += wait_s if isinstance(failure, BusyError) else 0.0
            if not self._may_retry(failure, attempt, busy_s):
                raise failure
            attempt += 1
            yield Pause(wait_s)

    def _may_retry(self, failure: ClientError, attempt: int, busy_s: float) -> bool:
        if isinstance(failure, BusyError):
            return busy_s <= self.retries.patience_s
        may_help = isinstance(failure, (ServerFailedError, ConnectionLostError))
        return may_help and attempt + 1 < self.retries.attempts


def _is_address(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _failure(response: httpx.Response) -> ClientError | None:
    """What a response says went wrong; some services answer 200 and put the status into the body."""
    status = response.status_code
    if status == httpx.codes.OK and "json" in response.headers.get("content-type", ""):
        inner = _body(response).get("status")
        status = inner if isinstance(inner, int) else status
    if status < httpx.codes.MULTIPLE_CHOICES:
        return None
    message = _message(response)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return BusyError(message)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServerFailedError(status, message)
    return (KeyRefusedError if status == httpx.codes.UNAUTHORIZED else RequestRefusedError)(status, message)


def _body(response: httpx.Response) -> Json:
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _message(response: httpx.Response) -> str:
    message = _body(response).get("message")
    return message if isinstance(message, str) else response.reason_phrase


def _data_of(response: httpx.Response) -> Json:
    data = _body(response).get("data")
    if not isinstance(data, dict):
        raise UnexpectedAnswerError("the answer holds no data: is this the right base URL?")
    return data


def _text(data: Json, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise UnexpectedAnswerError(f"the answer holds no {name}")
    return value


def _progress(data: Json) -> Progress:
    state, percent = data.get("state"), data.get("progress")
    if not isinstance(state, int):
        raise UnexpectedAnswerError("the answer holds no state")
    return Progress(state, percent if isinstance(percent, int) else 0)


def _is_complete(response: httpx.Response, expected: object) -> bool:
    """Whether all bytes came, as far as the response or the report says how many there are."""
    size, told = len(response.content), response.headers.get("content-length", "")
    if told.isdigit() and "content-encoding" not in response.headers and int(told) != size:
        return False
    return not isinstance(expected, int) or expected == size


def _written(value: object) -> str:
    """A parameter as a form carries it: a list by commas."""
    if isinstance(value, Mapping):
        return json.dumps(value)
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
