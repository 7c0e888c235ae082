"""The Python client, for leanpix and for services that keep the same contract.

    with Client("http://127.0.0.1:8000", key) as client:
        client.compress(Path("photo.jpg"), quality=80).save("smaller.jpg")

It needs httpx only and imports nothing else of leanpix. Its modules import each other relatively, because the
distribution of the client alone carries them under another name (docs/decisions/0150).
"""

from .asynchronous import AsyncClient, AsyncTask
from .blocking import Client, Task
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
from .retries import Retries
from .values import Advice, Outcome, Progress, RequestOptions, Result, SetImage, Source

__all__ = [
    "Advice",
    "AsyncClient",
    "AsyncTask",
    "BusyError",
    "Client",
    "ClientError",
    "ConnectionLostError",
    "DamagedResultError",
    "KeyRefusedError",
    "Outcome",
    "Progress",
    "RequestOptions",
    "RequestRefusedError",
    "Result",
    "Retries",
    "ServerFailedError",
    "SetImage",
    "Source",
    "Task",
    "TaskFailedError",
    "UnexpectedAnswerError",
    "WaitedTooLongError",
]
