"""The servers that the service is compared with, each as people run it, and how each is asked for the same work."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from service import API, LEANPIX, free_port

PEERS = Path(".tools/peers").resolve()
SERVERS = Path(__file__).with_name("peer_servers").resolve()
PYTHON = PEERS / "venv/bin/python"
# Of each program that is built by its user: where it lies, if it is there.
IMAGOR, IMGPROXY = (os.environ.get(name) or shutil.which(name.lower()) for name in ("IMAGOR", "IMGPROXY"))
NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_http_image_filter_module.so")


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work. file: the source. height_px with width_px: cut to fill both. kbyte: a target size."""

    name: str
    file: Path
    format: str
    quality: int | None = 80
    width_px: int | None = None
    height_px: int | None = None
    kbyte: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is something that every server of this kind can do: a quality, and no target."""
        return self.kbyte is None and self.quality is not None


@dataclass(slots=True)
class Running:
    """A server under measurement."""

    process: subprocess.Popen[bytes]
    port: int
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = self.client()

    def client(self) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)


class Peer:
    """A server: its words, and its way of being asked. name is the column's."""

    name = ""
    threads_note = ""

    def is_there(self) -> bool:
        """Whether it can be run here."""
        return True

    def command(self, port: int, folder: Path) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        """What starts it, and what its environment has beside ours."""
        raise NotImplementedError

    def can(self, work: Work) -> bool:
        """Whether it does such work at all."""
        return work.is_plain

    def ask(self, connection: http.client.HTTPConnection, work: Work) -> bytes:
        """The result of one request."""
        raise NotImplementedError

    def version(self, running: Running) -> str:
        """What it is, in words."""
        raise NotImplementedError

    def folder(self, folder: Path) -> Path:
        """Where it is started."""
        return folder


class Leanpix(Peer):
    """This service: a request with sync=1, and the result behind the URL that it is answered with."""

    name = "leanpix"
    key = ""

    def command(self, port: int, folder: Path) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        self.data_dir = folder / "leanpix"
        words = [LEANPIX, "serve", "--port", str(port), "--data-dir", self.data_dir, "--workers", "2"]
        return words, {"LEANPIX_RESULT_CACHE": "off", "LEANPIX_CPU_S_PER_MINUTE": "0"}

    def can(self, work: Work) -> bool:
        return True

    def ask(self, connection: http.client.HTTPConnection, work: Work) -> bytes:
        if not self.key:
            create = [LEANPIX, "keys", "create", "--name", "bench", "--qps", "100000", "--json", "--data-dir"]
            self.key = json.loads(subprocess.check_output([*create, self.data_dir]))["key"]
        fields = {"sync": 1, "format": work.format, "quality": work.quality, "kbyte": work.kbyte}
        fields |= {"width": work.width_px, "height": work.height_px}
        fields |= {"fit": "cover"} if work.height_px else {}
        body, content_type = multipart({k: v for k, v in fields.items() if v is not None}, work.file.read_bytes())
        connection.request("POST", API, body, {"X-API-KEY": self.key, "Content-Type": content_type})
        told = json.loads(connection.getresponse().read())
        if told.get("data", {}).get("state") != 1:
            raise RuntimeError(f"a request failed: {told}")
        place = urlsplit(told["data"]["image"])
        connection.request("GET", f"{place.path}?{place.query}")
        return answered(connection)

    def version(self, running: Running) -> str:
        return subprocess.check_output([LEANPIX, "--version"], text=True).strip()


class Posted(Peer):
    """A small server of our own writing that takes the picture as the body: peer_servers/."""

    def __init__(self, name: str, words: Sequence[str | Path]) -> None:
        self.name, self._words = name, words

    def is_there(self) -> bool:
        program = shutil.which(str(self._words[0])) or ""
        return bool(program) and (self._words[0] != "node" or (PEERS / "node_modules/fastify").exists())

    def folder(self, folder: Path) -> Path:
        return PEERS

    def command(self, port: int, folder: Path) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        return [str(port) if word == "PORT" else word for word in self._words], {}

    def ask(self, connection: http.client.HTTPConnection, work: Work) -> bytes:
        wanted = {"format": work.format, "quality": work.quality, "width": work.width_px, "height": work.height_px}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        connection.request("POST", f"/?{query}", work.file.read_bytes(), {"Content-Type": "image/any"})
        return answered(connection)

    def version(self, running: Running) -> str:
        running.connection.request("GET", "/")
        about = json.loads(answered(running.connection))
        return ", ".join(f"{name} {number}" for name, number in about.items())


class AskedAsThumbor(Peer):
    """A peer that is asked by thumbor's addresses: sides, filters, the name of a file."""

    def ask(self, connection: http.client.HTTPConnection, work: Work) -> bytes:
        kind = {"jpg": "jpeg"}.get(work.format, work.format)
        sides = f"{work.width_px or 0}x{work.height_px or 0}"
        filters = f"filters:format({kind}):quality({work.quality})"
        connection.request("GET", f"/unsafe/{sides}/{filters}/{quote(work.file.name)}")
        return answered(connection)


class Thumbor(AskedAsThumbor):
    """Thumbor over files of one folder."""

    name = "thumbor"

    def is_there(self) -> bool:
        return (PYTHON.parent / "thumbor").exists()

    def command(self, port: int, folder: Path) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        settings = folder / "thumbor.conf"
        settings.write_text(
            f"LOADER = 'thumbor.loaders.file_loader'\nFILE_LOADER_ROOT_PATH = {str(folder)!r}\n"
            "STORAGE = 'thumbor.storages.no_storage'\nALLOW_UNSAFE_URL = True\nQUALITY = 80\nMAX_WIDTH = 8000\n"
        )
        words = [PYTHON.parent / "thumbor", "--port", str(port), "--ip", "127.0.0.1", "--conf", settings]
        return [*words, "--processes", "2", "--log-level", "error"], {}

    def version(self, running: Running) -> str:
        return subprocess.check_output([PYTHON.parent / "thumbor", "--version"], text=True).strip()


class Nginx(Peer):
    """nginx with its image filter: it makes pictures smaller. It changes no format, and what is small enough stays."""

    name = "nginx image_filter"

    def is_there(self) -> bool:
        return NGINX_MODULE.exists() and shutil.which("nginx") is not None

    def command(self, port: int, folder: Path) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        settings = folder / "nginx.conf"
        settings.write_text(f"""
load_module {NGINX_MODULE};
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-f; uwsgi_temp_path {folder}/nginx-u; scgi_temp_path {folder}/nginx-s;
  types {{ image/jpeg jpg; image/png png; }}
  server {{
    listen 127.0.0.1:{port}; root {folder};
    image_filter_buffer 32M; image_filter_jpeg_quality 80;
    location ~ ^/resize/([0-9]+)/(.+)$ {{ set $w $1; alias {folder}/$2; image_filter resize $w -; }}
  }}
}}
""")
        return ["nginx", "-c", settings, "-p", folder], {}

    def can(self, work: Work) -> bool:
        return work.is_plain and work.format == "jpg" and work.width_px is not None and work.height_px is None

    def ask(self, connection: http.client.HTTPConnection, work: Work) -> bytes:
        connection.request("GET", f"/resize/{work.width_px}/{quote(work.file.name)}")
        return answered(connection)

    def version(self, running: Running) -> str:
        return subprocess.run(["nginx", "-v"], check=True, capture_output=True, text=True).stderr.strip()


class Imgproxy(Peer):
    """imgproxy over files of one folder, without signatures."""

    name = "imgproxy"

    def is_there(self) -> bool:
        return IMGPROXY is not None

    def command(self, port: int, folder: Path) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        return [str(IMGPROXY)], {
            "IMGPROXY_BIND": f"127.0.0.1:{port}",
            "IMGPROXY_LOCAL_FILESYSTEM_ROOT": str(folder),
            "IMGPROXY_WORKERS": "2",
            "IMGPROXY_LOG_LEVEL": "error",
        }

    def ask(self, connection: http.client.HTTPConnection, work: Work) -> bytes:
        kind = "fill" if work.height_px else "fit"
        options = f"rs:{kind}:{work.width_px or 0}:{work.height_px or 0}/q:{work.quality}"
        connection.request("GET", f"/unsafe/{options}/plain/local:///{quote(work.file.name)}@{work.format}")
        return answered(connection)

    def version(self, running: Running) -> str:
        return f"imgproxy {subprocess.check_output([str(IMGPROXY), 'version'], text=True).strip()}"


class Imagor(AskedAsThumbor):
    """imagor over files of one folder, without signatures."""

    def __init__(self, name: str, *, mozjpeg: bool) -> None:
        self.name, self._mozjpeg = name, mozjpeg

    def is_there(self) -> bool:
        return IMAGOR is not None and (not self._mozjpeg or has_mozjpeg(IMAGOR))

    def command(self, port: int, folder: Path) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        words = [str(IMAGOR), "-port", str(port), "-imagor-unsafe", "-file-loader-base-dir", str(folder)]
        return [*words, *(["-vips-mozjpeg"] if self._mozjpeg else [])], {"VIPS_CONCURRENCY": "1"}

    def version(self, running: Running) -> str:
        return f"imagor {subprocess.check_output([str(IMAGOR), '-version'], text=True).strip()}"


def has_mozjpeg(program: str | Path) -> bool:
    """Whether it, or the libjpeg that it is linked with, has mozjpeg's own functions; else its option does nothing."""
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    libraries = re.findall(r"=> (\S*libjpeg\S*)", linked)
    return any(b"jpeg_c_set_bool_param" in Path(one).read_bytes() for one in [program, *libraries])


def every_peer() -> list[Peer]:
    """All of them, whether they are here or not; this service first."""
    python = SERVERS / "python_server.py"
    sharp = SERVERS / "sharp_server.mjs"
    return [
        Leanpix(),
        Posted("sharp", ["node", sharp, "PORT"]),
        Posted("sharp, mozjpeg", ["node", sharp, "PORT", "mozjpeg"]),
        Posted("FastAPI, Pillow", [PYTHON, python, "PORT", "pillow"]),
        Posted("FastAPI, pyvips", [PYTHON, python, "PORT", "pyvips"]),
        Thumbor(),
        Nginx(),
        Imgproxy(),
        Imagor("imagor", mozjpeg=False),
        Imagor("imagor, mozjpeg", mozjpeg=True),
    ]


@contextmanager
def running(peer: Peer, folder: Path) -> Iterator[Running]:
    """The server, answering; gone when the block ends."""
    port = free_port()
    words, more = peer.command(port, folder)
    log = folder / f"{peer.name.replace(' ', '-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=peer.folder(folder), stdout=output, stderr=output, env=os.environ | dict(more)
        )
    try:
        until_it_listens(process, port, log)
        yield Running(process, port)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once it takes connections; RuntimeError with its own words."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"it did not start: {log.read_text()[-2000:]}")


def answered(connection: http.client.HTTPConnection) -> bytes:
    """The body of an answer that says OK; RuntimeError otherwise."""
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(f"answered {answer.status}: {body[:300]!r}")
    return body


def multipart(fields: Mapping[str, object], picture: bytes) -> tuple[bytes, str]:
    """A form with a picture, and its media type."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image_file"; filename="picture"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
