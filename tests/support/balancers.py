"""HAProxy, Caddy and nginx before several API nodes, by the files of deploy/ with this machine's addresses in them."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.support.server import clean_environment, free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NAME = "img.example.com"
_START_S = 30.0
_NODES = ("10.0.0.11:8000", "10.0.0.12:8000")


def _haproxy(folder: Path, port: int, nodes: Sequence[str]) -> list[str]:
    bind = f"bind :443 ssl crt /etc/haproxy/{NAME}.pem alpn h2,http/1.1"
    site = _own(DEPLOY / "haproxy" / "haproxy.cfg", nodes, {bind: f"bind 127.0.0.1:{port}"})
    (folder / "haproxy.cfg").write_text(site)
    return [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]


def _caddy(folder: Path, port: int, nodes: Sequence[str]) -> list[str]:
    changes = {f"\n{NAME} {{\n": f"\nhttp://{NAME}:{port} {{\n\tbind 127.0.0.1\n"}
    site = _own(DEPLOY / "Caddyfile.nodes", nodes, changes)
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    return [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def _nginx(folder: Path, port: int, nodes: Sequence[str]) -> list[str]:
    certificate = f"/etc/letsencrypt/live/{NAME}"
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port}",
        f"    ssl_certificate {certificate}/fullchain.pem;\n": "",
        f"    ssl_certificate_key {certificate}/privkey.pem;\n": "",
    }
    return nginx_words(folder, _own(DEPLOY / "nginx" / "leanpix-nodes.conf", nodes, changes))


def nginx_words(folder: Path, site: str) -> list[str]:
    """nginx in the foreground with this site, and all that it writes in the folder."""
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}include {folder}/site.conf;\n}}\n"
    )
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", f"{folder}/error.log"]


BALANCERS: Mapping[str, Callable[[Path, int, Sequence[str]], list[str]]] = {
    "haproxy": _haproxy,
    "caddy": _caddy,
    "nginx": _nginx,
}


def program(name: str) -> str:
    """Where it is; the test is skipped where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def balanced(kind: str, folder: Path, nodes: Sequence[str]) -> Iterator[str]:
    """The base URL of a balancer of this kind before nodes given as host:port."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    words = BALANCERS[kind](folder, port, nodes)
    environment = clean_environment() | {"HOME": str(folder)}
    base = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait(process, base, folder / "log")
        yield base
        assert process.poll() is None, (folder / "log").read_text()
    finally:
        process.terminate()
        process.wait(_START_S)


def _own(file: Path, nodes: Sequence[str], changes: Mapping[str, str]) -> str:
    site = file.read_text()
    for shown, own in {**dict(zip(_NODES, nodes, strict=True)), **changes}.items():
        assert shown in site, shown
        site = site.replace(shown, own)
    return site


def _wait(process: subprocess.Popen[bytes], base: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{base}/healthz", headers={"Host": NAME}, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    process.kill()
    pytest.fail(f"the balancer did not start:\n{log.read_text()[-2000:]}")
