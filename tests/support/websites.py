"""Other people's web servers, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@contextmanager
def website(handler: Any, port: int = 0) -> Iterator[str]:
    """A site whose requests this handler class answers; its address without a slash at the end."""
    web = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{web.server_address[1]}"
    finally:
        web.shutdown()
        web.server_close()


def website_of(folder: Path) -> AbstractContextManager[str]:
    """A site that shows the files of a folder."""
    return website(partial(_Files, directory=str(folder)))


class Quiet:
    """A request handler without its line a request in the test output; stands before the handler's class."""

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _Files(Quiet, SimpleHTTPRequestHandler):
    """Files, without a line a request."""
