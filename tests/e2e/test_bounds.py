"""What a stranger can make a server hold or do: each attack, and the bound that holds against it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import sqlite3
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support import attacks
from tests.support.attacks import MB, MemoryWatch, largest_decoder_mb, latencies_ms
from tests.support.cluster import until
from tests.support.pictures import encoded, gradient
from tests.support.processes import decoders_of, memory_mb
from tests.support.raw import connected, first_line, is_closed, post_head
from tests.support.server import API, Server, free_port, running_server, start_server

SMALL = encoded(gradient(64, 64))
READERS_PER_RESULT = 30
FETCHING = {"fetch_allow_nets": "127.0.0.0/8"}


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"in_flight_bytes_per_key": str(64 * MB), "readers_per_result": str(READERS_PER_RESULT), **FETCHING}
    with running_server(tmp_path_factory.mktemp("bounded") / "data", **settings) as started:
        yield started


def test_half_sent_bodies_and_long_escapes_are_not_held_in_memory(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        key, other = server.new_key(qps=1000), server.new_key(qps=1000)
        latencies_ms(server, other, 3)
        before = memory_mb(server.process.pid)
        with MemoryWatch(server.process.pid) as watch, attacks.bodies(server, key):
            taken = latencies_ms(server, other, 20)
        assert watch.most_mb - before < 100
        assert sorted(taken)[10] < 1000, taken


def test_an_upload_that_says_it_is_too_large_is_refused_before_it_is_read(bounded: Server) -> None:
    for content_type in ("multipart/form-data; boundary=b", "application/json", ""):
        lines = (f"Content-Type: {content_type}", "Expect: 100-continue", f"Content-Length: {60 * MB}")
        with connected(bounded) as connection:
            connection.sendall(post_head(bounded, *lines))
            assert first_line(connection).startswith("HTTP/1.1 413 ")


def test_what_one_key_is_sending_is_bounded_and_another_key_goes_on(bounded: Server) -> None:
    key, other = bounded.new_key(qps=1000), bounded.new_key(qps=1000)
    lines = ("Content-Type: application/json", f"Content-Length: {20 * MB}")
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(connected(bounded)).sendall(post_head(bounded, *lines, key=key) + b"{")
        time.sleep(0.5)
        refused = held.enter_context(connected(bounded))
        refused.sendall(post_head(bounded, *lines, "Expect: 100-continue", key=key))
        assert "429" in first_line(refused)
        latencies_ms(bounded, other, 1)
    with bounded.client(key) as client:
        until(lambda: client.post(API, files={"image_file": SMALL}).status_code == httpx.codes.OK)


def readiness(server: Server, function: str = "") -> tuple[int, Any]:
    answer = httpx.get(f"{server.base}/readyz{function}", timeout=30, trust_env=False)
    return answer.status_code, answer.json()["functions"]


def test_a_full_spool_refuses_creates_while_queries_and_results_go_on(tmp_path: Path) -> None:
    bounds = {"in_flight_bytes": str(MB), "in_flight_bytes_per_key": str(MB)}
    with running_server(tmp_path / "data", **bounds) as server:
        with server.client() as client:
            done = client.post(API, data={"sync": "1"}, files={"image_file": SMALL}).json()["data"]
        other = server.new_key(qps=1000)
        with connected(server) as filling, server.client(other) as client:
            filling.sendall(post_head(server, "Content-Type: application/json", f"Content-Length: {MB}") + b"{")
            until(lambda: readiness(server)[0] == httpx.codes.SERVICE_UNAVAILABLE)
            functions = readiness(server)[1]
            assert functions["create"] == "off: the spool of what is being sent is full"
            assert (functions["query"], functions["results"]) == ("ok", "ok")
            assert [readiness(server, f"/{name}")[0] for name in ("create", "query", "results")] == [503, 200, 200]
            refused = client.post(API, files={"image_file": SMALL})
            assert refused.status_code == httpx.codes.TOO_MANY_REQUESTS
            assert "too many requests are being sent" in refused.json()["message"]
            assert int(refused.headers["Retry-After"]) >= 1
            with server.client() as owner:
                assert owner.get(f"{API}/{done['task_id']}").json()["data"]["state"] == 1
            assert httpx.get(done["image"], trust_env=False).status_code == httpx.codes.OK
        until(lambda: readiness(server)[0] == httpx.codes.OK)
        latencies_ms(server, other, 1)


def test_a_field_that_is_no_parameter_is_passed_over_whatever_its_size(bounded: Server) -> None:
    with bounded.client(bounded.new_key(qps=1000)) as client:
        parts: dict[str, Any] = {
            "image_file": SMALL,
            "notes": (None, b"x" * 15 * MB),
            "second": ("b.jpg", bytes(10 * MB)),
        }
        assert client.post(API, data={"sync": "1"}, files=parts).json()["data"]["state"] == 1
        content = json.dumps({"notes": ["x" * 5 * MB, {"a": [1, None]}], "image_url": "ftp"}).encode()
        assert client.post(API, content=content).status_code in {200, 400}


@pytest.mark.parametrize(
    ("content_type", "piece"),
    [("application/x-www-form-urlencoded", b"&"), ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--bx")],
    ids=["nothing but separators", "nothing but boundaries"],
)
def test_a_small_body_that_unpacks_to_what_takes_a_parser_long_is_refused(
    bounded: Server, content_type: str, piece: bytes
) -> None:
    content = gzip.compress(piece + piece[-7:] * (24 * MB // len(piece[-7:])))
    headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}
    with bounded.client(bounded.new_key(qps=1000), timeout_s=5) as client:
        answer = client.post(API, content=content, headers=headers)
    assert answer.status_code == httpx.codes.BAD_REQUEST, answer.text


def test_many_slow_readers_of_a_large_result_hold_no_copies_of_it(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        key, other = server.new_key(qps=1000), server.new_key(qps=1000)
        latencies_ms(server, other, 3)
        before = memory_mb(server.process.pid)
        with MemoryWatch(server.process.pid) as watch, attacks.readers(server, key):
            latencies_ms(server, other, 10)
        assert watch.most_mb - before < 60


def test_a_result_arrives_whole_by_link_by_head_and_as_base64(bounded: Server) -> None:
    link = attacks.large_result(bounded, bounded.new_key())
    head, whole = httpx.head(link, trust_env=False), httpx.get(link, trust_env=False)
    assert int(head.headers["Content-Length"]) == len(whole.content) == attacks.RESULT_BYTES
    with bounded.client(bounded.new_key()) as client:
        answer = client.post(API, data={"sync": "1", "return_type": "2"}, files={"image_file": SMALL})
        assert answer.json()["data"]["image"].startswith("/9j/")
        assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_one_result_is_not_read_by_more_than_so_many_at_once(bounded: Server) -> None:
    link = attacks.large_result(bounded, bounded.new_key())
    with contextlib.ExitStack() as held:
        readers = [held.enter_context(contextlib.closing(attacks.reader(link))) for _ in range(READERS_PER_RESULT + 10)]
        told = [int(reader.recv(12).split()[1]) for reader in readers]
        assert set(told) == {httpx.codes.OK, httpx.codes.TOO_MANY_REQUESTS}
        assert told.count(httpx.codes.OK) == READERS_PER_RESULT
    until(lambda: httpx.get(link, trust_env=False).status_code == httpx.codes.OK)


def test_slow_readers_of_one_keys_results_keep_nobody_from_his_own(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", readers="20", readers_per_result="5") as server:
        key = server.new_key(qps=1000)
        links = [attacks.large_result(server, key) for _ in range(6)]
        mine = attacks.large_result(server, server.new_key())
        with contextlib.ExitStack() as held:
            told = Counter[int]()
            for link in links * 5:
                reader = held.enter_context(contextlib.closing(attacks.reader(link)))
                told[int(reader.recv(12).split()[1])] += 1
            assert set(told) == {httpx.codes.OK, httpx.codes.TOO_MANY_REQUESTS}
            assert httpx.get(mine, trust_env=False).status_code == httpx.codes.OK


def test_a_reader_that_is_too_slow_is_cut_off(tmp_path: Path) -> None:
    settings = {"answer_stall_s": "2", "min_download_bytes_per_s": "100000"}
    with running_server(tmp_path / "data", **settings) as server:
        received = 0
        with contextlib.closing(attacks.reader(attacks.large_result(server, server.key))) as connection:
            slow_until = time.monotonic() + 6
            with contextlib.suppress(OSError):
                while piece := connection.recv(2000 if time.monotonic() < slow_until else MB):
                    received += len(piece)
                    time.sleep(0.1 if time.monotonic() < slow_until else 0)
    assert received < attacks.RESULT_BYTES // 2, "only what the kernel had taken arrives"


def test_a_bomb_is_refused_at_once_and_writes_nothing(bounded: Server) -> None:
    content = attacks.bomb()
    assert len(content) < MB
    with bounded.client(bounded.new_key(qps=1000)) as client:
        before, began = attacks.files_bytes(bounded.data_dir / "files"), time.monotonic()
        for _ in range(5):
            answer = client.post("/v1/batches", files={"archive": content})
            assert answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
            assert "100 times" in answer.json()["message"]
        assert time.monotonic() - began < 10
    assert attacks.files_bytes(bounded.data_dir / "files") == before


def test_an_archive_whose_entries_are_the_same_bytes_is_refused_and_writes_nothing(bounded: Server) -> None:
    content = attacks.overlapping_bomb()
    assert len(content) < MB
    with bounded.client(bounded.new_key(qps=1000)) as client:
        before = attacks.files_bytes(bounded.data_dir / "files")
        answer = client.post("/v1/batches", files={"archive": content})
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert "overlap" in answer.json()["message"]
    assert attacks.files_bytes(bounded.data_dir / "files") == before


def test_a_batch_that_the_key_cannot_pay_for_is_refused_before_it_is_unpacked(bounded: Server) -> None:
    with bounded.client(bounded.new_key(qps=1000, credits=10)) as client:
        answer = client.post("/v1/batches", files={"archive": attacks.archive_of(11, SMALL)})
        assert answer.status_code == httpx.codes.UNAUTHORIZED
        assert "11 credits" in answer.json()["message"]
        assert client.get("/v1/account").json()["data"]["credits"] == 10


def test_a_thousand_slow_sources_keep_no_other_key_waiting(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", **FETCHING, fetch_ports=str(free_port())) as server:
        key, other = server.new_key(qps=1000), server.new_key(qps=1000)
        alone = latencies_ms(server, other, 10)
        with attacks.slow_sources(server, key):
            beside = latencies_ms(server, other, 10)
        assert max(beside) < max(3 * max(alone), 1500), (alone, beside)


def test_archives_keep_no_other_key_waiting(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        key, other = server.new_key(qps=1000), server.new_key(qps=1000)
        alone = latencies_ms(server, other, 10)
        with attacks.archives(server, key):
            beside = latencies_ms(server, other, 10)
        assert max(beside) < max(5 * max(alone), 2500), (alone, beside)


@pytest.mark.parametrize("name", attacks.contradictions())
def test_a_file_that_tells_two_sizes_takes_no_memory_for_the_larger(bounded: Server, name: str) -> None:
    key = bounded.new_key(qps=1000)
    with bounded.client(key) as client, MemoryWatch(bounded.process.pid, largest_decoder_mb, every_s=0.01) as watch:
        answer = client.post(API, data={"sync": "1"}, files={"image_file": attacks.contradictions()[name]}).json()
    assert answer["data"]["state"] in {1, -7, -14}, answer
    assert watch.most_mb < 250


def test_what_lists_is_rated(bounded: Server) -> None:
    with bounded.client(bounded.new_key(qps=0.1)) as client:
        for path in ("/v1/account/usage?days=366", "/v1/webhooks/deliveries", "/v1/batches/none", "/v1/account"):
            statuses = {client.get(path).status_code for _ in range(40)}
            assert httpx.codes.TOO_MANY_REQUESTS in statuses, path


def test_a_picture_that_the_key_cannot_pay_for_is_not_decoded(bounded: Server) -> None:
    large = encoded(gradient(5000, 4000), "PNG")
    with bounded.client(bounded.new_key(credits=1, qps=1000)) as client:
        for source, fields in ((large, {}), (SMALL, {"width": "64", "height": "8000"})):
            answer = client.post(API, data={"sync": "1", **fields}, files={"image_file": source})
            told = answer.json()
            if answer.status_code == httpx.codes.OK:
                assert told["data"]["state"] == -14
            else:
                assert answer.status_code == httpx.codes.UNAUTHORIZED
            assert "credits" in told["message"]
        assert client.get("/v1/account").json()["data"]["credits"] == 1


def test_a_key_that_has_used_up_its_processor_seconds_is_told_so(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", cpu_s_per_minute="0.5") as server:
        key, other = server.new_key(qps=1000), server.new_key(qps=1000)
        with server.client(key) as client:
            form = {"sync": "1", "width": "3000", "height": "3000", "format": "webp"}
            assert client.post(API, data=form, files={"image_file": SMALL}).json()["data"]["state"] == 1
            refused = client.post(API, files={"image_file": SMALL})
            assert refused.status_code == httpx.codes.TOO_MANY_REQUESTS
            assert "HTTP 429" in refused.json()["message"]
            assert "processor seconds" in refused.json()["message"]
            assert int(refused.headers["Retry-After"]) > 1
        latencies_ms(server, other, 1)


def test_pictures_of_a_batch_give_way_on_the_processors_and_others_do_not(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers="1") as server:
        ours = os.getpriority(os.PRIO_PROCESS, server.process.pid)

        def priorities() -> set[int]:
            found = set()
            for decoder in decoders_of(server.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    found.add(os.getpriority(os.PRIO_PROCESS, decoder) - ours)
            return found

        with server.client() as client:
            assert client.post(API, data={"sync": "1"}, files={"image_file": SMALL}).json()["data"]["state"] == 1
            assert priorities() == {0}
            archive = attacks.archive_of(2, encoded(gradient(900, 700)))
            assert client.post("/v1/batches", files={"archive": archive}).status_code == httpx.codes.OK
            until(lambda: max(priorities()) > 0)


def states(server: Server, batch_id: str) -> Counter[str]:
    """How many items are in each state: read beside the server, for a revoked key cannot ask any more."""
    with contextlib.closing(sqlite3.connect(f"file:{server.data_dir / 'leanpix.db'}?mode=ro", uri=True)) as database:
        query = (
            "SELECT coalesce(tasks.state, 'waits') FROM batch_items LEFT JOIN tasks ON tasks.id = batch_items.task_id"
            " WHERE batch_items.batch_id = ?"
        )
        return Counter(str(row[0]) for row in database.execute(query, (batch_id,)))


def test_revoking_a_key_ends_all_of_it_within_a_second_and_charges_nothing_more(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        key = server.new_key(qps=1000, credits=1000)
        with server.client(key) as client:
            archive = attacks.archive_of(200, encoded(gradient(1500, 1100)))
            answer = client.post("/v1/batches", files={"archive": archive})
            batch_id = answer.json()["data"]["batch_id"]
            until(lambda: states(server, batch_id)["1"] > 0)
        key_id = key.split("_")[1]
        with server.client() as admin:
            assert admin.post(f"/v1/keys/{key_id}/revoke", json={}).status_code == httpx.codes.OK
            time.sleep(1.2)
            ended = states(server, batch_id)
            assert set(ended) <= {"1", "-13"}, ended
            assert ended["-13"] > 100
            left = next(one for one in admin.get("/v1/keys").json()["data"]["keys"] if one["id"] == key_id)
            assert left["credits"] == 1000 - ended["1"]
            time.sleep(2)
            assert states(server, batch_id) == ended, "a result came after all"


def test_a_task_is_cancelled_where_it_waits_and_where_it_runs_as_often_as_one_likes(bounded: Server) -> None:
    with bounded.client(bounded.new_key(qps=1000, credits=10)) as client:
        form = {"width": "6000", "height": "6000", "format": "webp"}
        answers = [client.post(API, data=form, files={"image_file": SMALL}) for _ in range(3)]
        tasks = [one.json()["data"]["task_id"] for one in answers]
        time.sleep(0.5)
        for task_id in tasks * 2:
            told = client.delete(f"{API}/{task_id}").json()
            assert (told["data"]["state"], told["data"]["credits"]) == (-13, 0)
            assert "cancelled" in told["message"]
        assert client.get("/v1/account").json()["data"]["credits"] == 10
        other = bounded.client(bounded.new_key())
        assert other.delete(f"{API}/{tasks[0]}").status_code == httpx.codes.NOT_FOUND
        other.close()
        done = client.post(API, data={"sync": "1"}, files={"image_file": SMALL}).json()["data"]
        assert client.delete(f"{API}/{done['task_id']}").json()["data"]["state"] == 1, "it stays as it ended"


def test_a_batch_too_many_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", batch_max_per_key="1") as server, server.client() as client:
        archive = attacks.archive_of(200, encoded(gradient(900, 700)))
        once = {"Idempotency-Key": "first"}
        accepted = client.post("/v1/batches", files={"archive": archive}, headers=once).json()["data"]
        with connected(server) as connection:
            head = post_head(server, "Content-Type: multipart/form-data; boundary=b", f"Content-Length: {200 * MB}")
            connection.sendall(head.replace(API.encode(), b"/v1/batches", 1))
            assert "429" in first_line(connection)
        again = client.post("/v1/batches", files={"archive": archive}, headers=once)
        assert again.json()["data"]["batch_id"] == accepted["batch_id"]


def test_a_batch_is_cancelled_as_a_whole(bounded: Server) -> None:
    with bounded.client(bounded.new_key(qps=1000, credits=300)) as client:
        archive = attacks.archive_of(200, encoded(gradient(900, 700)))
        batch_id = client.post("/v1/batches", files={"archive": archive}).json()["data"]["batch_id"]
        for _ in range(2):
            told = client.delete(f"/v1/batches/{batch_id}").json()["data"]
            assert told["state"] == "complete"
            assert told["counts"]["succeeded"] + told["counts"]["failed"] == 200
        done = told["counts"]["succeeded"]
        assert client.get("/v1/account").json()["data"]["credits"] == 300 - done


def test_a_request_with_two_hosts_is_refused(bounded: Server) -> None:
    with connected(bounded) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n")
        assert first_line(connection) == "HTTP/1.1 400 Bad Request"


def test_idle_connections_make_room_for_those_who_ask(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", max_connections="20") as server, contextlib.ExitStack() as held:
        idle = [held.enter_context(connected(server)) for _ in range(60)]
        latencies_ms(server, server.key, 3)
        assert is_closed(idle[0], 5)


def sent(server: Server, held: contextlib.ExitStack, *pieces: bytes) -> None:
    """A connection each, kept open, on which this was sent; one that is refused is no fault."""
    for piece in pieces:
        with contextlib.suppress(OSError):
            held.enter_context(connected(server)).sendall(piece)


def test_requests_that_were_answered_make_room_though_their_bodies_never_come(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", max_connections="20") as server, contextlib.ExitStack() as held:
        sent(server, held, *[post_head(server, f"Content-Length: {MB}", key="lp_not_known")] * 60)
        latencies_ms(server, server.key, 3)


@pytest.mark.parametrize(
    ("path", "settings", "status"),
    [(API, {}, "429"), ("/shrink", {"tinify_patience_s": "60"}, "503")],
    ids=["bodies that never end", "a line for the key's rate"],
)
def test_the_requests_of_one_key_leave_connections_to_others(
    tmp_path: Path, path: str, settings: dict[str, str], status: str
) -> None:
    with running_server(tmp_path / "data", max_connections="20", **settings) as server:
        key, other = server.new_key(qps=1 if settings else 1000), server.new_key(qps=1000)
        credentials = b64encode(f"api:{key}".encode()).decode()
        lines = ("Content-Type: image/jpeg", f"Content-Length: {MB}", f"Authorization: Basic {credentials}")
        head = post_head(server, *lines, key=key).replace(API.encode(), path.encode(), 1)
        with contextlib.ExitStack() as held:
            sent(server, held, *[head + b"\xff\xd8"] * 60)
            latencies_ms(server, other, 3)
            refused = held.enter_context(connected(server))
            refused.sendall(head)
            assert status in first_line(refused)


def attempts(server: Server) -> int:
    """How many attempts have begun, of all tasks."""
    with contextlib.closing(sqlite3.connect(f"file:{server.data_dir / 'leanpix.db'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT coalesce(sum(attempt), 0) FROM tasks").fetchone()[0])


def test_tasks_of_a_server_that_is_killed_again_and_again_end_well(tmp_path: Path) -> None:
    # Stale is late enough that a server on a busy machine does not take its own tasks for those of a dead one.
    settings = {"heartbeat_s": "0.2", "stale_s": "3"}
    server = start_server(tmp_path / "data", **settings)
    key = server.new_key(qps=1000)
    form = {"width": "1200", "height": "1200", "format": "webp"}
    with server.client(key) as client:
        answers = [client.post(API, data=form, files={"image_file": SMALL}) for _ in range(4)]
        tasks = [one.json()["data"]["task_id"] for one in answers]
    begun = 0
    for _ in range(4):
        until(lambda: attempts(server) > begun)  # noqa: B023 - looked at before the next round
        begun = attempts(server)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server = start_server(tmp_path / "data", key=server.key, **settings)
    try:
        with server.client(key) as client:
            until(lambda: all(client.get(f"{API}/{one}").json()["data"]["state"] == 1 for one in tasks))
    finally:
        server.kill()
