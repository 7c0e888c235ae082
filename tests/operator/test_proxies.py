"""nginx and Caddy in front, by the files of deploy/: sizes, links, addresses of clients, and figures kept inside."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme
from tests.support.accounts import key_for
from tests.support.balancers import DEPLOY, NAME, nginx_words, program
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, clean_environment, free_port, running_server

PICTURE = encoded(gradient(64, 64))
MB = 1024 * 1024
START_S = 30.0


@dataclass
class Proxy:
    """A proxy that ends TLS in front of a server; client speaks to it as the internet does."""

    server: Server
    base: str
    client: httpx.Client


def _nginx(folder: Path, port: int, target: str) -> list[str]:
    """nginx with deploy/nginx/leanpix.conf, its name, certificate and ports this test's."""
    site = (DEPLOY / "nginx" / "leanpix.conf").read_text()
    for shown, own in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", f"{folder}/chain.pem"),
        (f"/etc/letsencrypt/live/{NAME}/privkey.pem", f"{folder}/key.pem"),
        ("http://127.0.0.1:8000", target),
    ):
        assert shown in site
        site = site.replace(shown, own)
    return nginx_words(folder, site)


def _caddy(folder: Path, port: int, target: str) -> list[str]:
    """Caddy with deploy/Caddyfile.one-machine, its name, certificate and ports this test's."""
    site = (DEPLOY / "Caddyfile.one-machine").read_text()
    assert f"\n{NAME} {{\n" in site
    tls = f"\ttls {folder}/chain.pem {folder}/key.pem\n"
    site = site.replace(f"\n{NAME} {{\n", f"\nhttps://{NAME}:{port} {{\n\tbind 127.0.0.1\n{tls}")
    site = site.replace("127.0.0.1:8000", target.removeprefix("http://"))
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    return [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES: dict[str, Callable[[Path, int, str], list[str]]] = {"nginx": _nginx, "caddy": _caddy}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("proxied") / "data") as started:
        yield started


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder, port = tmp_path_factory.mktemp(str(request.param)), free_port()
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "chain.pem", append=True)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    words = PROXIES[request.param](folder, port, server.base)
    with running(words, folder), talking_to(server, port, folder / "authority.pem") as found:
        yield found


@contextmanager
def running(words: list[str], folder: Path) -> Iterator[None]:
    environment = clean_environment() | {"HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield
        assert process.poll() is None, (folder / "log").read_text()
    finally:
        process.terminate()
        process.wait(START_S)


@contextmanager
def talking_to(server: Server, port: int, authority: Path) -> Iterator[Proxy]:
    """A client that takes the proxy for NAME."""

    class Named(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.extensions["sni_hostname"] = NAME
            request.url = request.url.copy_with(host="127.0.0.1")
            return super().handle_request(request)

    base = f"https://{NAME}:{port}"
    transport = Named(verify=ssl.create_default_context(cafile=str(authority)))
    with httpx.Client(base_url=base, transport=transport, timeout=60, trust_env=False) as client:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if client.get("/healthz").status_code == httpx.codes.OK:
                    break
            time.sleep(0.1)
        yield Proxy(server, base, client)


def test_a_picture_and_its_link_pass_under_the_name_that_clients_use(proxy: Proxy) -> None:
    key = {"X-API-KEY": key_for(proxy.server, qps=100)}
    answer = proxy.client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}, headers=key).json()
    assert answer["data"]["state"] == 1
    link = urlsplit(answer["data"]["image"])
    assert f"{link.scheme}://{link.netloc}" == proxy.base
    result = proxy.client.get(answer["data"]["image"])
    assert result.status_code == httpx.codes.OK
    assert len(result.content) == int(result.headers["Content-Length"])


@pytest.mark.parametrize(("size_mb", "status"), [(19, 200), (21, 413)])
def test_what_is_too_large_is_said_by_leanpix_itself(proxy: Proxy, size_mb: int, status: int) -> None:
    key = {"X-API-KEY": key_for(proxy.server, qps=100)}
    picture = PICTURE + bytes(size_mb * MB)
    answer = proxy.client.post(API, data={"sync": "1"}, files={"image_file": picture}, headers=key)
    assert answer.status_code == answer.json()["status"] == status


@pytest.mark.parametrize("path", ["/metrics", "//metrics", "/metrics/", "/metrics?x=1", "/%6Detrics", "/./metrics"])
def test_figures_stay_inside(proxy: Proxy, path: str) -> None:
    assert httpx.get(f"{proxy.server.base}/metrics", trust_env=False).status_code == httpx.codes.OK
    answer = proxy.client.get(httpx.URL(proxy.base + "/").copy_with(raw_path=path.encode()))
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert "leanpix_" not in answer.text


def test_what_a_client_claims_about_the_way_it_came_counts_for_nothing(proxy: Proxy) -> None:
    forged = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-API-KEY": key_for(proxy.server, qps=9)}
    answer = proxy.client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}, headers=forged).json()
    assert answer["data"]["image"].startswith(f"{proxy.base}/"), "the scheme is the proxy's word, not the client's"
