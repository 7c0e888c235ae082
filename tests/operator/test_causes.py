"""Why a cluster's node does not start: one line with the cause, from each command; or a wait that is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
import trustme
from tests.support.cluster import SECRET, Cluster, cluster_over, until
from tests.support.failures import Caller, assert_each_ended_once_and_was_charged_once
from tests.support.operator import command, refusal
from tests.support.ports import migrated_database
from tests.support.server import LEANPIX, free_port, key_in
from tests.support.servers import Postgres, Seaweed
from tests.support.tls import tls_relay

COMMANDS = (("serve", "--port", "0", "--workers", "0"), ("worker",), ("keys", "list"), ("migrate",))


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    """A database with two roles: one whose password is asked for, one that has no connections left."""
    url = migrated_database(postgres)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE asked LOGIN PASSWORD 'right'")
        connection.execute("CREATE ROLE full_up LOGIN CONNECTION LIMIT 0")
        rules = postgres.folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all asked {postgres.host}/32 scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)  # it reloads behind its answer
    return url


CAUSES: dict[str, tuple[Callable[[str], str], str]] = {
    "wrong password": (lambda url: url.replace("postgres@", "asked:hunter2@"), "password authentication failed"),
    "unknown database": (lambda url: f"{url}_no", "does not exist"),
    "no TLS there": (lambda url: f"{url}?sslmode=require", "SSL was required"),
    "no slots": (lambda url: url.replace("postgres@", "full_up@"), "too many connections"),
    "closed port": (lambda url: f"postgresql://postgres@127.0.0.1:{free_port()}/{url.rpartition('/')[2]}", "refused"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_what_is_wrong_with_the_database_is_one_line_of_each_command(name: str, url: str, tmp_path: Path) -> None:
    wrong, cause = CAUSES[name]
    settings = {"secret": SECRET, "database_url": wrong(url), "patience_s": "0", "start_wait_s": "0"}
    for words in COMMANDS:
        line = refusal(command(*words, "--data-dir", tmp_path / "data", **settings))
        assert cause in line, words
        assert "hunter2" not in line
    done = command("doctor", "--data-dir", tmp_path / "data", **settings)
    assert done.returncode == 1
    assert cause in done.stdout


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Postgres]:
    """A server whose certificate is for another name than the address that it is reached at."""
    server = Postgres(settings=("fsync=off",))
    if not server.speaks_tls():
        pytest.skip("this PostgreSQL, the wheel's, was built without TLS; Debian's has it")
    server.start()
    try:
        server.stop()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        certificate, place = authority.issue_cert("db.example"), server.folder / "data"
        (place / "server.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        (place / "server.key").write_bytes(certificate.private_key_pem.bytes())
        (place / "server.key").chmod(0o600)
        if os.getuid() == 0:
            for name in ("server.crt", "server.key"):
                shutil.chown(place / name, place.owner())
        with (place / "postgresql.auto.conf").open("a") as settings:
            settings.write("ssl = on\n")
        yield server.start()
    finally:
        server.close()


def test_a_certificate_of_postgresql_for_another_name_is_one_line_at_once(encrypted: Postgres, tmp_path: Path) -> None:
    url = f"{encrypted.url('postgres')}?sslmode=verify-full&sslrootcert={tmp_path / 'ca.pem'}"
    settings = {"secret": SECRET, "database_url": url, "start_wait_s": "600"}  # longer than a command may take here
    for words in COMMANDS:
        line = refusal(command(*words, "--data-dir", tmp_path / "data", **settings))
        assert 'certificate for "db.example" does not match host name "127.0.0.1"' in line, words
    done = command("doctor", "--data-dir", tmp_path / "data", **settings)
    assert done.returncode == 1
    assert 'does not match host name "127.0.0.1"' in done.stdout


def test_a_certificate_of_the_store_that_does_not_fit_is_one_line_at_once(
    url: str, seaweed: Seaweed, tmp_path: Path
) -> None:
    with (
        tls_relay(seaweed.environment["AWS_ENDPOINT_URL"], tmp_path, address="store.example") as relay,
        cluster_over(url, seaweed, tmp_path) as cluster,
    ):
        strange = cluster.environment | {"AWS_ENDPOINT_URL": relay.base}
        trusted = strange | {"SSL_CERT_FILE": str(relay.ca_file)}

        def run(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [LEANPIX, *words],
                check=False,
                capture_output=True,
                text=True,
                timeout=120,
                env=environment,
                cwd=tmp_path,
            )

        assert "its authority is not one that this machine trusts" in refusal(run(strange, "worker"))
        cause = "it is for another name than the one in AWS_ENDPOINT_URL"
        for words in (("worker",), ("serve", "--port", "0", "--workers", "0")):
            assert cause in refusal(run(trusted, *words)), words
        done = run(trusted, "doctor")
        assert done.returncode == 1
        assert cause in done.stdout


def test_a_wrong_password_is_not_waited_for(url: str, tmp_path: Path) -> None:
    settings = {"secret": SECRET, "database_url": url.replace("postgres@", "asked:hunter2@"), "start_wait_s": "600"}
    begun = time.monotonic()
    refusal(command("worker", "--data-dir", tmp_path / "data", **settings))
    assert time.monotonic() - begun < 60


def test_doctor_names_what_is_wrong_with_the_store(url: str, seaweed: Seaweed, tmp_path: Path) -> None:
    with cluster_over(url, seaweed, tmp_path) as cluster:
        for environment, cause in (
            ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the access key or its secret is wrong"),
            ({"LEANPIX_STORE_URL": "s3://no-such-bucket-2/x"}, "there is none such"),
            ({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}, "error sending request"),
        ):
            done = subprocess.run(
                [LEANPIX, "doctor"], check=False, capture_output=True, text=True, timeout=120,
                env=cluster.environment | environment, cwd=tmp_path,
            )  # fmt: skip
            assert done.returncode == 1
            assert cause in done.stdout


def waiting(cluster: Cluster) -> bool:
    return all("Connection refused" in node.output.read_text() for node in cluster.nodes)


def test_nodes_and_a_migration_that_start_before_their_database_wait_for_it(seaweed: Seaweed, tmp_path: Path) -> None:
    late = Postgres(port=free_port())
    with cluster_over(late.url("postgres"), seaweed, tmp_path, log_format="json") as cluster:
        migrated: list[str] = []
        migration = threading.Thread(target=lambda: migrated.append(cluster.cli("migrate")))
        migration.start()
        worker = cluster.worker()
        until(lambda: waiting(cluster))
        assert [json.loads(line)["event"] for line in worker.output.read_text().splitlines()] == ["start waits"]
        late.start()
        try:
            migration.join(60)
            key = key_in(migrated[0])
            if worker.process.poll() is not None:  # it saw the database before its schema
                assert "leanpix migrate" in worker.output.read_text()
                cluster.nodes.remove(worker)
                cluster.worker()
            api = cluster.api()
            cluster.wait()
            assert_each_ended_once_and_was_charged_once(cluster, [Caller(key).accepted(api)])
        finally:
            cluster.close()
            late.close()
