"""Compression by a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from leanpix.cli.batch.items import WorstPlace
from leanpix.cli.batch.work import Result
from leanpix.client import (
    BusyError,
    Client,
    ClientError,
    ConnectionLostError,
    KeyRefusedError,
    Retries,
    UnexpectedAnswerError,
)
from leanpix.client.request import NO_PROXY
from leanpix.client.values import RequestOptions
from leanpix.domain.errors import SetupError, TaskFailure
from leanpix.domain.holding import Holding, in_order
from leanpix.domain.keep import KEPT_BY_DEFAULT, NONE
from leanpix.domain.report import Advice
from leanpix.domain.request import KBYTE, CompressionOptions
from leanpix.domain.states import TaskState

# A rate limit is no failure of a batch: it takes as long as it takes. Short waits keep Ctrl-C prompt.
_RETRIES = Retries(patience_s=1800, most_s=4)
_TIMEOUT = httpx.Timeout(60, connect=10)
_TASK_TIMEOUT_S = 600
# Whatever picture comes next, it would meet the same.
_HOPELESS = (BusyError, ConnectionLostError, KeyRefusedError, UnexpectedAnswerError)


@dataclass(frozen=True, slots=True)
class RemoteEngine:
    """A server, which is asked for one picture by each of the batch's threads."""

    client: Client
    named: str
    abandoned: Event = field(default_factory=Event)

    def compress(self, name: str, source: bytes, options: CompressionOptions) -> Result:
        """Compress; TaskFailure for this picture, SetupError where the server takes none."""
        del name  # a file's name is nobody's business
        with _translated(self.named):
            made = self.client.compress(source, timeout_s=_TASK_TIMEOUT_S, **_request_options(options))
        advice = None if made.advice is None else Advice.of(made.advice)
        return Result(made.data, made.score, _lost(made.report), WorstPlace.of(made.report), advice)

    def score(self, reference: bytes, picture: bytes) -> Mapping[str, Any]:
        """The report of a comparison; TaskFailure, SetupError as `compress`."""
        with _translated(self.named):
            return self.client.score(reference, picture, timeout_s=_TASK_TIMEOUT_S).report

    def abandon(self) -> None:
        """Ask the server for nothing more."""
        self.abandoned.set()


@contextmanager
def remote_engine(base_url: str, key: str | None) -> Iterator[RemoteEngine]:
    """The engine behind this address; SetupError without a key, or for one that can be none."""
    if key is None:
        raise SetupError(f"{base_url} asks for an API key: set LEANPIX_KEY, or give --key")
    abandoned = Event()

    def refuse_when_abandoned(_request: httpx.Request) -> None:
        if abandoned.is_set():
            raise TaskFailure(TaskState.CANCELLED)

    with _http({"request": [refuse_when_abandoned]}) as http:
        try:
            client = Client(base_url, key, retries=_RETRIES, http=http)
        except ValueError as failure:
            raise SetupError(f"LEANPIX_KEY, or --key: {failure}") from None
        yield RemoteEngine(client, _named(base_url), abandoned)


def _http(hooks: Mapping[str, list[Callable[..., object]]]) -> httpx.Client:
    """By the environment's proxies and certificates; SetupError where those can be none."""
    try:
        return httpx.Client(timeout=_TIMEOUT, event_hooks=hooks, mounts=NO_PROXY)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as failure:
        raise SetupError(
            f"by what the environment says of proxies (HTTPS_PROXY, ALL_PROXY) or certificates (SSL_CERT_FILE) no "
            f"connection can be made: {failure}"
        ) from failure


def _named(base_url: str) -> str:
    """The server in words, with the proxy that leads to it."""
    parts, proxies = urlsplit(base_url), getproxies()
    proxy, host = proxies.get(parts.scheme) or proxies.get("all"), parts.hostname or ""
    is_here = f"all://[{host}]" in NO_PROXY or f"all://{host}" in NO_PROXY
    if not proxy or is_here or proxy_bypass(host):
        return f"the server {base_url}"
    return f"the server {base_url} by the proxy {proxy.rpartition('@')[2]}"


@contextmanager
def _translated(server: str) -> Iterator[None]:
    """A client's failure as this picture's, or as that of all that would follow."""
    try:
        yield
    except _HOPELESS as failure:
        raise SetupError(f"{server}: {failure}") from failure
    except ClientError as failure:
        raise TaskFailure(TaskState.FAILED, str(failure)) from failure


def _lost(report: Mapping[str, object]) -> tuple[Holding, ...]:
    """What the server names, as far as this version knows the kinds."""
    names = report.get("lost")
    return in_order(kind for kind in Holding if isinstance(names, list) and kind.value in names)


def _request_options(options: CompressionOptions) -> RequestOptions:
    request = RequestOptions(
        quality=options.quality,
        kbyte=None if options.max_bytes is None else options.max_bytes // KBYTE,
        width=options.width_px,
        height=options.height_px,
        target_score=options.target_score,
        fit=options.fit.value if options.width_px and options.height_px else None,
    )
    if options.keep != KEPT_BY_DEFAULT:
        request["keep"] = ",".join((NONE, *options.keep))
    if options.alternatives:
        request["formats"] = ",".join(options.alternatives)
    if options.widths:
        request["widths"] = options.widths
    if options.format is not None:
        request["format"] = options.format.value
    return request
