"""`leanpix mcp` by the protocol's own client, over both transports."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from PIL import Image
from tests.support.accounts import key_for
from tests.support.batch import environment
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX, Server, free_port, has_ipv6

from leanpix.cli.tools.roots import PathRefusedError, Roots

KEY = "a key of this test"
PHOTO = encoded(gradient(300, 200), quality=98)


@asynccontextmanager
async def over_stdio(home: Path, shop: Path, *words: str) -> AsyncIterator[Client]:
    parameters = StdioServerParameters(command=str(LEANPIX), args=["mcp", str(shop), *words], env=environment(home))
    with (home / "errors").open("w+") as errors:
        async with Client(stdio_client(parameters, errlog=errors)) as client:
            yield client


@contextmanager
def answering(home: Path, shop: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of one that serves over HTTP, until the block ends."""
    address = f"{host}:{free_port()}"
    command = [str(LEANPIX), "mcp", str(shop), "--http", address]
    with subprocess.Popen(command, env=environment(home, LEANPIX_MCP_KEY=KEY)) as process:
        try:
            url, deadline = f"http://{address}/mcp", time.monotonic() + 60
            while not answers(url):
                assert time.monotonic() < deadline, "it did not answer"
                time.sleep(0.1)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in {0, -signal.SIGTERM}


def answers(url: str) -> bool:
    try:
        httpx.post(url, json={}, trust_env=False)
    except httpx.ConnectError:
        return False
    return True


@asynccontextmanager
async def over_http(home: Path, shop: Path) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with answering(home, shop) as url:
        async with (
            httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            yield client


async def called(client: Client, tool: str, **words: Any) -> tuple[dict[str, Any], str]:
    """What a tool gives, and what it says where it fails."""
    answer = await client.call_tool(tool, words)
    text = "".join(getattr(part, "text", "") for part in answer.content)
    return dict(answer.structured_content or {}), text if answer.is_error else ""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "hat.jpg").write_bytes(PHOTO)
    return folder


def run(session: Callable[[], Coroutine[Any, Any, None]]) -> None:
    anyio.run(session)


@pytest.mark.parametrize("transport", [over_stdio, over_http])
def test_the_tools_do_what_they_say(tmp_path: Path, shop: Path, transport: Any) -> None:
    async def session() -> None:
        async with transport(tmp_path, shop) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert set(tools) == {"compress", "score", "set", "formats"}
            assert all(tool.description and "path" in tool.input_schema["properties"] for tool in
                       (tools["compress"], tools["set"]))  # fmt: skip

            made, failed = await called(client, "compress", path="hat.jpg")
            assert not failed
            assert made["output"] == str(shop / "hat.min.jpg")
            assert (shop / "hat.min.jpg").stat().st_size == made["bytes_after"] < made["bytes_before"] == len(PHOTO)
            assert made["score"] > 70

            scored, failed = await called(client, "score", reference="hat.jpg", picture="hat.min.jpg")
            assert not failed
            assert abs(scored["score"] - made["score"]) < 3

            found, failed = await called(
                client, "set", path="hat.jpg", folder="set", widths=[100, 200], formats="webp,jpg"
            )
            assert not failed
            assert sorted(image["name"] for image in found["images"]) == [
                "hat-100.jpg", "hat-100.webp", "hat-200.jpg", "hat-200.webp"
            ]  # fmt: skip
            with Image.open(shop / "set" / "hat-200.webp") as picture:
                assert picture.width == 200
            assert found["html"].startswith("<picture>")

            formats, _ = await called(client, "formats")
            assert {"jpg", "png", "gif"} <= set(formats["read"])
            assert "webp" in {written["format"] for written in formats["written"]}

    run(session)


def test_nothing_outside_of_the_folders_is_touched_and_nothing_replaced_unasked(tmp_path: Path, shop: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(PHOTO)
    (shop / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (shop / "notes.txt").write_text("no picture")

    async def session() -> None:
        async with over_stdio(tmp_path, shop) as client:
            for path in ("../secret.jpg", str(tmp_path / "secret.jpg"), "link.jpg"):
                assert "outside of what may be used here" in (await called(client, "compress", path=path))[1]
            outside = await called(client, "compress", path="hat.jpg", output="../out.jpg")
            assert "outside" in outside[1]
            assert "outside" in (await called(client, "set", path="hat.jpg", folder="/tmp/elsewhere"))[1]  # noqa: S108 - refused
            assert "there is no file none.jpg" in (await called(client, "compress", path="none.jpg"))[1]
            assert "there already" in (await called(client, "compress", path="hat.jpg", output="hat.jpg"))[1]
            assert (shop / "hat.jpg").read_bytes() == PHOTO
            assert (await called(client, "compress", path="notes.txt"))[1]
            assert "an integer from 1 to 100" in (await called(client, "compress", path="hat.jpg", quality=500))[1]
            made, failed = await called(client, "compress", path="hat.jpg", output="hat.jpg", replace=True)
            assert (failed, (shop / "hat.jpg").stat().st_size) == ("", made["bytes_after"])
            again, _ = await called(client, "compress", path="hat.jpg", output="hat.jpg", replace=True)
            assert again["bytes_after"] <= made["bytes_after"]

    run(session)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["errors", "secret.jpg", "shop"]
    assert (tmp_path / "errors").read_text() == ""


def test_a_server_does_all_of_it_where_one_is_named(tmp_path: Path, shop: Path, one_machine: Server) -> None:
    key = key_for(one_machine, "assistant", credits=20)

    async def session() -> None:
        words = ("--server", one_machine.base, "--key", key)
        async with over_stdio(tmp_path, shop, *words) as client:
            made, failed = await called(client, "compress", path="hat.jpg", format="webp")
            assert (failed, made["output"]) == ("", str(shop / "hat.jpg.min.webp"))
            scored, failed = await called(client, "score", reference="hat.jpg", picture="hat.jpg.min.webp")
            assert not failed
            assert abs(scored["score"] - made["score"]) < 3
            assert set(scored["worst"]) >= {"left_px", "top_px", "width_px", "height_px"}
            found, failed = await called(
                client, "set", path="hat.jpg", folder="set", widths=[50, 80], formats="webp,jpg"
            )
            assert not failed
            assert [(shop / "set" / image["name"]).stat().st_size for image in found["images"]] == [
                image["bytes"] for image in found["images"]
            ]
            assert "hat-80.webp 80w" in found["html"]
            formats, _ = await called(client, "formats")
            assert formats["max_upload_bytes"] > 0

    run(session)
    # One for the picture, one for the comparison, four for the set: all of it was the server's work.
    left = httpx.get(f"{one_machine.base}/v1/account", headers={"X-API-KEY": key}, trust_env=False).json()["data"]
    assert left["credits"] == 14


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}])
def test_without_the_key_nothing_is_answered(tmp_path: Path, shop: Path, given: dict[str, str]) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with answering(tmp_path, shop) as url:
        answer = httpx.post(url, json=call, headers=given, trust_env=False)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        # A page that has made the browser take this address for its own.
        page = {"Authorization": f"Bearer {KEY}", "Host": "evil.example", "Accept": "application/json"}
        assert httpx.post(url, json=call, headers=page, trust_env=False).status_code == 421


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_it_answers_over_ipv6(tmp_path: Path, shop: Path) -> None:
    with answering(tmp_path, shop, "[::1]") as url:
        assert httpx.post(url, json={}, trust_env=False).status_code == 401


def test_a_port_that_is_taken_is_one_line(tmp_path: Path, shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        command = [str(LEANPIX), "mcp", str(shop), "--http", address, "--http-key", KEY]
        done = subprocess.run(
            command, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode != 0
    assert done.stderr == f"leanpix: cannot listen on {address}: another program does; choose another port by --http\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--http", "127.0.0.1:1"), "--http needs a key"), (("--http", "here", "--http-key", "k"), "HOST:PORT is meant")],
)
def test_wrong_usage_is_one_line(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    command = [str(LEANPIX), "mcp", *words]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert told in done.stderr


def test_a_root_is_where_it_really_lies(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    roots = Roots.of([tmp_path / "link"])
    assert roots.place("a.jpg") == tmp_path / "real" / "a.jpg"
    with pytest.raises(PathRefusedError):
        roots.place("../real2/a.jpg")
