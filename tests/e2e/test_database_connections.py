"""How many connections nodes have, and nodes behind the real pgbouncer: what works there, and what is refused."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
import trustme
from tests.support.cluster import SECRET, Cluster, cluster_over, new_cluster
from tests.support.failures import PICTURE, Caller, assert_each_ended_once_and_was_charged_once
from tests.support.operator import command, refusal
from tests.support.poolers import Pgbouncer, pgbouncer
from tests.support.ports import migrated_database
from tests.support.server import API, key_in
from tests.support.servers import Postgres, Seaweed

from leanpix.domain.errors import SetupError, StoreUnavailableError
from leanpix.stores.sql.connecting import connecting
from leanpix.stores.sql.pooler import Pooling, pooling_of
from leanpix.stores.sql.postgres import plain_connection, postgres_engine

API_MOST, WORKER_MOST = 7, 7  # docs/operate-postgresql.md
POLL_S = 1.0  # how often an API node looks by itself whether a task has ended


@pytest.fixture(scope="module")
def transactions(postgres: Postgres) -> Iterator[Pgbouncer]:
    with pgbouncer(postgres, "transaction") as pooler:
        yield pooler


@pytest.fixture(scope="module")
def sessions(postgres: Postgres) -> Iterator[Pgbouncer]:
    with pgbouncer(postgres, "session") as pooler:
        yield pooler


def test_what_stands_before_the_database_is_found_out(
    postgres: Postgres, sessions: Pgbouncer, transactions: Pgbouncer
) -> None:
    direct = postgres.url("postgres")
    assert pooling_of(partial(plain_connection, direct)) is Pooling.NONE
    assert pooling_of(partial(plain_connection, sessions.leading_to(direct))) is Pooling.SESSION
    assert pooling_of(partial(plain_connection, transactions.leading_to(direct))) is Pooling.TRANSACTION


def test_a_pool_that_hands_out_processes_in_turn_is_one_of_transactions_too(postgres: Postgres) -> None:
    with pgbouncer(postgres, "transaction", "server_round_robin = 1", "min_pool_size = 4") as pooler:
        connect = partial(plain_connection, pooler.leading_to(postgres.url("postgres")))
        assert pooling_of(connect) is Pooling.TRANSACTION


def test_a_pooler_of_statements_is_refused(postgres: Postgres) -> None:
    with pgbouncer(postgres, "statement", "server_round_robin = 1") as pooler:
        connect = partial(plain_connection, pooler.leading_to(postgres.url("postgres")))
        with pytest.raises(SetupError, match="pools statements and refuses transactions"):
            pooling_of(connect)


def test_a_lost_worker_keeps_no_row_locked_whatever_stands_before_the_database(
    postgres: Postgres, sessions: Pgbouncer, transactions: Pgbouncer
) -> None:
    direct = postgres.url("postgres")
    ways = {Pooling.NONE: direct, Pooling.SESSION: sessions.leading_to(direct)}
    for pooling, url in (ways | {Pooling.TRANSACTION: transactions.leading_to(direct)}).items():
        engine = postgres_engine(url, durable=True, connections=1, pooling=pooling)
        with engine.begin() as connection:
            names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
            found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
        engine.dispose()
        assert found == dict(zip(names, ("16s", "32s", "8s"), strict=True)), pooling


def test_who_finds_every_connection_used_waits_for_its_patience_and_no_longer(postgres: Postgres) -> None:
    """Behind a pooler whose database is away, statements hang: those behind them must not wait for them all."""
    engine = postgres_engine(postgres.url("postgres"), durable=True, connections=1, turn_s=1)
    try:
        with connecting(engine):
            begun = time.monotonic()
            with pytest.raises(StoreUnavailableError), connecting(engine, patience_s=1):
                pass
            assert 0.9 < time.monotonic() - begun < 5
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def by_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Path]]:
    """A PostgreSQL that proves its name, and the authority that vouches for it."""
    folder = tmp_path_factory.mktemp("authority")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    server = Postgres()
    certificate = authority.issue_cert("127.0.0.1")
    files = {"ssl_cert_file": server.folder / "server.pem", "ssl_key_file": server.folder / "server.key"}
    for part in certificate.cert_chain_pems:
        part.write_to_path(files["ssl_cert_file"], append=True)
    certificate.private_key_pem.write_to_path(files["ssl_key_file"])
    files["ssl_key_file"].chmod(0o600)
    if os.getuid() == 0:
        shutil.chown(files["ssl_key_file"], "nobody")
    server.settings = (*server.settings, "ssl=on", *(f"{name}={file}" for name, file in files.items()))
    if not server.speaks_tls():
        pytest.skip("this PostgreSQL, the wheel's, was built without TLS; Debian's has it")
    try:
        yield server.start(), folder / "authority.pem"
    finally:
        server.close()


def test_a_database_that_proves_its_name_by_tls_is_taken_and_another_is_not(by_tls: tuple[Postgres, Path]) -> None:
    server, authority = by_tls
    url = f"{server.new_database()}?sslmode=verify-full&sslrootcert={authority}"
    done = command("migrate", database_url=url, secret=SECRET)
    assert "the schema has been made" in done.stdout, done.stderr
    for wrong in (url.replace("127.0.0.1", "localhost"), url.replace(str(authority), str(strangers(authority.parent)))):
        line = refusal(command("keys", "list", database_url=wrong, secret=SECRET, patience_s="0"))
        assert "certificate" in line or "localhost" in line


def strangers(folder: Path) -> Path:
    """Another authority, which has vouched for nothing here."""
    trustme.CA().cert_pem.write_to_path(folder / "strangers.pem")
    return folder / "strangers.pem"


def test_no_node_has_more_connections_than_the_page_says(postgres: Postgres, seaweed: Seaweed, tmp_path: Path) -> None:
    with new_cluster(postgres, seaweed, tmp_path) as cluster:
        key = key_in(cluster.cli("migrate"))
        apis = [cluster.api(), cluster.api()]
        cluster.worker()
        cluster.worker()
        cluster.wait()
        caller = Caller(key)
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda number: caller.create(apis[number % 2], sync=True), range(64)))
        assert {answer.status_code for answer in answers} == {200}
        [(found,)] = cluster.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert found <= 2 * API_MOST + 2 * WORKER_MOST < 34


def work_through(cluster: Cluster) -> None:
    """A node of each kind: pictures are made, and the requests that wait for them hear of it."""
    key = key_in(cluster.cli("keys", "create", "--name", "shop", "--credits", "100", "--qps", "1000"))
    api = cluster.api()
    cluster.worker()
    cluster.wait()
    waited, tasks = [], []
    with httpx.Client(base_url=api.base, headers={"X-API-KEY": key}, timeout=60, trust_env=False) as client:
        for _ in range(12):  # more often than a statement is run before psycopg prepares it
            begun = time.monotonic()
            data = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}).json()["data"]
            waited.append(time.monotonic() - begun)
            assert data["state"] == 1
            tasks.append(data["task_id"])
    assert min(waited) < POLL_S, f"nobody heard of an end: {waited}"
    assert_each_ended_once_and_was_charged_once(cluster, tasks)
    assert Caller(key).reads(api, tasks[0])
    for node in cluster.nodes:
        told = node.output.read_text()
        assert "failure" not in told, told


def test_a_cluster_works_through_a_pool_of_sessions(
    postgres: Postgres, seaweed: Seaweed, sessions: Pgbouncer, tmp_path: Path
) -> None:
    url = sessions.leading_to(migrated_database(postgres))
    with cluster_over(url, seaweed, tmp_path) as cluster:
        assert "the schema is current" in cluster.cli("migrate")
        work_through(cluster)


def test_a_cluster_works_through_a_pool_of_transactions_and_listens_beside_it(
    postgres: Postgres, seaweed: Seaweed, transactions: Pgbouncer, tmp_path: Path
) -> None:
    direct = postgres.new_database()
    with cluster_over(transactions.leading_to(direct), seaweed, tmp_path, database_direct_url=direct) as cluster:
        assert "the schema has been made" in cluster.cli("migrate")
        work_through(cluster)


def test_what_nothing_can_be_heard_through_is_refused_by_every_command(
    postgres: Postgres, transactions: Pgbouncer, tmp_path: Path
) -> None:
    url, data = transactions.leading_to(migrated_database(postgres)), str(tmp_path)
    for words in (["serve", "--port", "0"], ["worker"], ["keys", "list"]):
        line = refusal(command(*words, database_url=url, secret=SECRET, data_dir=data))
        assert "is behind a pooler of transactions" in line
        assert "LEANPIX_DATABASE_DIRECT_URL" in line
    told = command("doctor", database_url=url, secret=SECRET, data_dir=data)
    assert told.returncode == 1
    assert "is behind a pooler of transactions" in told.stdout


def test_a_direct_url_of_another_database_is_refused(
    postgres: Postgres, transactions: Pgbouncer, tmp_path: Path
) -> None:
    settings = {"database_url": transactions.leading_to(migrated_database(postgres)), "secret": SECRET}
    other = postgres.url("postgres")
    line = refusal(command("serve", "--port", "0", database_direct_url=other, data_dir=str(tmp_path), **settings))
    assert "has to be the same database" in line
