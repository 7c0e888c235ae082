"""pgbouncer, as Debian has it, before a PostgreSQL of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.support.server import free_port
from tests.support.servers import Postgres

_START_S = 30.0
_UNPRIVILEGED = "nobody"


class Pgbouncer:
    """A pooler on a port of its own; mode: "session", "transaction" or "statement"."""

    def __init__(self, postgres: Postgres, mode: str, more: tuple[str, ...] = ()) -> None:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            pytest.skip("pgbouncer is not installed")
        self.program, self.port = program, free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="leanpix-pgbouncer-"))
        lines = [
            "[databases]",
            f"* = host={postgres.host} port={postgres.port} user=postgres",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = any",
            f"pool_mode = {mode}",
            "default_pool_size = 60",
            "max_client_conn = 200",
            # As docs/operate-postgresql.md has them.
            "server_login_retry = 1",
            "query_wait_timeout = 10",
            *more,
        ]
        (self.folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")

    def start(self) -> Pgbouncer:
        user = None
        if os.getuid() == 0:  # it refuses root
            user = _UNPRIVILEGED
            shutil.chown(self.folder, user)
        group = pwd.getpwnam(_UNPRIVILEGED).pw_gid if user else None
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, str(self.folder / "pgbouncer.ini")],
                user=user, group=group, extra_groups=[] if user else None, cwd="/", stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                psycopg.connect(self.leading_to("postgresql://postgres@x/postgres"), autocommit=True).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return self
        pytest.fail(f"pgbouncer did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(_START_S)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def leading_to(self, url: str) -> str:
        """A database's URL through this pooler."""
        return urlsplit(url)._replace(netloc=f"postgres@127.0.0.1:{self.port}").geturl()


@contextmanager
def pgbouncer(postgres: Postgres, mode: str, *more: str) -> Iterator[Pgbouncer]:
    """A pooler that is gone when the block ends. more: lines of its settings."""
    pooler = Pgbouncer(postgres, mode, more).start()
    try:
        yield pooler
    finally:
        pooler.close()
