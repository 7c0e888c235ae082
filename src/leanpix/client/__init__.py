"""The Python client, for leanpix and for services that keep the same contract.

    with Client("http://127.0.0.1:8000", key) as client:
        client.compress(Path("photo.jpg"), quality=80).save("smaller.jpg")

It needs httpx only and imports nothing else of leanpix.
"""

from leanpix.client.asynchronous import AsyncClient, AsyncTask
from leanpix.client.blocking import Client, Task
from leanpix.client.errors import (
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
from leanpix.client.retries import Retries
from leanpix.client.values import Progress, Result, Source

__all__ = [
    "AsyncClient",
    "AsyncTask",
    "BusyError",
    "Client",
    "ClientError",
    "ConnectionLostError",
    "DamagedResultError",
    "KeyRefusedError",
    "Progress",
    "RequestRefusedError",
    "Result",
    "Retries",
    "ServerFailedError",
    "Source",
    "Task",
    "TaskFailedError",
    "UnexpectedAnswerError",
    "WaitedTooLongError",
]
