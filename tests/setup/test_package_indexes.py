"""Where packages come from: what pip's and uv's settings say, and what an index answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from package_indexes import (
    PYPI,
    Index,
    IndexFile,
    IndexSettings,
    UnreachableIndexError,
    files_of,
    read_file,
    read_index_settings,
    with_login,
)

DIGEST = "ab" * 32
HTML = f"""<!DOCTYPE html><html><body>
<a href="../../files/uv-1.0-py3-none-any.whl#sha256={DIGEST}" data-requires-python="&gt;=3.8">uv-1.0</a>
<a href="/elsewhere/uv-2.0%2Blocal-py3-none-any.whl">no digest</a>
</body></html>"""


@dataclass
class Site:
    """A web server that answers by path; `logins` maps a path to the Authorization it asks for."""

    pages: dict[str, tuple[str, bytes]]
    logins: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            if self.path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[self.path])
                self.end_headers()
            elif self.headers.get("Authorization") != site.logins.get(self.path, self.headers.get("Authorization")):
                self.send_error(401)
            elif self.path in site.pages:
                kind, body = site.pages[self.path]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)
            else:
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy_and_no_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))


def read(root: Path, **environment: str) -> IndexSettings:
    return read_index_settings({"HOME": str(root / "home"), **environment}, root)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def urls(settings: IndexSettings) -> list[str]:
    return [index.url for index in settings.indexes]


def test_without_settings_it_is_pypi(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert urls(settings) == [PYPI]
    assert settings.is_pypi


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PIP_INDEX_URL": "https://pip/simple/"}, ["https://pip/simple"]),
        ({"UV_INDEX_URL": "https://old/simple"}, ["https://old/simple"]),
        ({"UV_DEFAULT_INDEX": "https://uv/simple", "PIP_INDEX_URL": "https://pip/simple"}, ["https://uv/simple"]),
        ({"UV_DEFAULT_INDEX": "main=https://uv/simple"}, ["https://uv/simple"]),
        ({"PIP_EXTRA_INDEX_URL": "https://a/s\n https://b/s"}, ["https://a/s", "https://b/s", PYPI]),
        ({"UV_INDEX": "one=https://a/s https://b/s"}, ["https://a/s", "https://b/s", PYPI]),
        ({"UV_EXTRA_INDEX_URL": "https://a/s", "PIP_NO_INDEX": "1"}, ["https://a/s"]),
    ],
)
def test_variables_name_indexes(tmp_path: Path, environment: dict[str, str], expected: list[str]) -> None:
    assert urls(read(tmp_path, **environment)) == expected


@pytest.mark.parametrize(
    "place", ["etc/pip.conf", "etc/xdg/pip/pip.conf", "home/.pip/pip.conf", "home/.config/pip/pip.conf"]
)
def test_pips_files_are_read_where_pip_reads_them(tmp_path: Path, place: str) -> None:
    write(tmp_path / place, "[global]\nindex-url = https://pip/simple\nproxy = http://proxy:3128\ncert = /ca.pem\n")
    settings = read(tmp_path)
    assert urls(settings) == ["https://pip/simple"]
    assert (settings.proxy, settings.certificates) == ("http://proxy:3128", "/ca.pem")
    assert not settings.is_pypi


def test_a_users_file_wins_over_the_machines_and_a_section_over_global(tmp_path: Path) -> None:
    write(tmp_path / "etc/pip.conf", "[install]\nindex_url = https://machine/simple\ntrusted-host = a b\n")
    write(tmp_path / "home/.config/pip/pip.conf", "[global]\nindex-url = https://user/simple\n")
    settings = read(tmp_path)
    assert urls(settings) == ["https://user/simple"]
    assert settings.trusted_hosts == {"a", "b"}


def test_a_named_file_comes_last_and_none_is_read_where_that_is_asked(tmp_path: Path) -> None:
    write(tmp_path / "etc/pip.conf", "[global]\nindex-url = https://machine/simple\n")
    write(tmp_path / "own.conf", "[global]\nindex-url = https://own/simple\n")
    assert urls(read(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "own.conf"))) == ["https://own/simple"]
    assert urls(read(tmp_path, PIP_CONFIG_FILE="/dev/null")) == [PYPI]


def test_uvs_files_are_read_with_their_defaults_and_names(tmp_path: Path) -> None:
    write(
        tmp_path / "home/.config/uv/uv.toml",
        'allow-insecure-host = ["uv"]\n[[index]]\nname = "one-a"\nurl = "https://extra/simple"\n'
        '[[index]]\nurl = "https://uv/simple"\ndefault = true\n',
    )
    write(tmp_path / "etc/uv/uv.toml", 'index-url = "https://machine/simple"\n')
    settings = read(tmp_path, UV_INDEX_ONE_A_USERNAME="ann", UV_INDEX_ONE_A_PASSWORD="secret")
    assert urls(settings) == ["https://extra/simple", "https://uv/simple"]
    assert settings.indexes[0].login == ("ann", "secret")
    assert settings.trusted_hosts == {"uv"}
    assert urls(read(tmp_path, UV_NO_CONFIG="1")) == [PYPI]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "etc/pip.conf", "index-url = no section\n")
    with pytest.raises(UnreachableIndexError, match=r"etc/pip\.conf cannot be read"):
        read(tmp_path)


def test_a_login_is_taken_out_of_the_url_and_given_to_uv(tmp_path: Path) -> None:
    settings = read(tmp_path, PIP_INDEX_URL="https://ann:p%40ss@pip:8443/simple")
    assert settings.indexes == (Index("https://pip:8443/simple", ("ann", "p@ss")),)
    assert "ss" not in repr(settings).replace("ssl", "").replace("class", "")
    assert with_login(settings.indexes[0]) == "https://ann:p%40ss@pip:8443/simple"


def test_uv_is_told_what_pips_settings_say_unless_it_has_its_own(tmp_path: Path) -> None:
    settings = read(tmp_path, PIP_INDEX_URL="https://pip/simple", PIP_PROXY="http://proxy:1", PIP_CERT="/ca.pem")
    told = settings.for_uv({"HTTP_PROXY": "http://own:1"})
    assert told["UV_DEFAULT_INDEX"] == "https://pip/simple"
    assert told["SSL_CERT_FILE"] == "/ca.pem"
    assert told["HTTPS_PROXY"] == "http://proxy:1"
    assert "HTTP_PROXY" not in told
    assert "UV_DEFAULT_INDEX" not in read(tmp_path).for_uv({}), "PyPI's addresses are in the lock"


def test_files_are_read_from_a_page_of_links() -> None:
    with serving(Site({"/simple/uv/": ("text/html", HTML.encode())})) as site:
        files = files_of("uv", Index(f"{site.url}/simple"), IndexSettings(()))
        assert files == [
            IndexFile("uv-1.0-py3-none-any.whl", f"{site.url}/files/uv-1.0-py3-none-any.whl", DIGEST),
            IndexFile("uv-2.0+local-py3-none-any.whl", f"{site.url}/elsewhere/uv-2.0%2Blocal-py3-none-any.whl", None),
        ]
        (_, headers) = site.asked[0]
        assert "application/vnd.pypi.simple.v1+json" in headers["Accept"]


def test_files_are_read_from_json() -> None:
    listed = {"files": [{"filename": "uv-1.0.whl", "url": "../uv-1.0.whl", "hashes": {"sha256": DIGEST}}]}
    page = ("application/vnd.pypi.simple.v1+json", json.dumps(listed).encode())
    with serving(Site({"/simple/uv/": page, "/simple/uv-1.0.whl": ("x/y", b"wheel")})) as site:
        index = Index(f"{site.url}/simple")
        (file,) = files_of("uv", index, IndexSettings(()))
        assert file == IndexFile("uv-1.0.whl", f"{site.url}/simple/uv-1.0.whl", DIGEST)
        assert read_file(file, index, IndexSettings(())) == b"wheel"


def test_a_folder_on_the_disk_is_an_index_too(tmp_path: Path) -> None:
    write(tmp_path / "simple/uv/index.html", HTML)
    first, _ = files_of("uv", Index((tmp_path / "simple").as_uri()), IndexSettings(()))
    assert first.url == (tmp_path / "files/uv-1.0-py3-none-any.whl").as_uri()


@pytest.mark.parametrize("by_netrc", [True, False])
def test_a_login_is_sent_and_not_to_another_host(
    by_netrc: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = f"Basic {base64.b64encode(b'ann:secret').decode()}"
    if by_netrc:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(Site({"/uv/": ("text/html", HTML.encode())})) as other, serving(Site({})) as site:
        site.logins = {"/uv/": asked}
        site.redirects = {"/uv/": other.url.replace("127.0.0.1", "localhost") + "/uv/"}
        index = Index(site.url, None if by_netrc else ("ann", "secret"))
        assert len(files_of("uv", index, IndexSettings(()))) == 2
        assert site.asked[0][1]["Authorization"] == asked
        assert "Authorization" not in other.asked[0][1]


def test_a_proxy_of_pips_settings_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")
    with serving(Site({"http://index.invalid/uv/": ("text/html", HTML.encode())})) as proxy:
        assert files_of("uv", Index("http://index.invalid"), IndexSettings((), proxy=proxy.url))


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (None, "answers 404"),
        (("application/json", b"[1"), "is no page of a package index"),
        (("application/json", b'{"files": [{}]}'), "is no page of a package index"),
    ],
)
def test_what_is_wrong_with_an_index_is_said_in_one_line(page: tuple[str, bytes] | None, said: str) -> None:
    with (
        serving(Site({"/uv/": page} if page else {})) as site,
        pytest.raises(UnreachableIndexError, match=said) as raised,
    ):
        files_of("uv", Index(site.url), IndexSettings(()))
    assert "\n" not in str(raised.value)


def test_an_index_that_is_not_there_and_certificates_that_are_not() -> None:
    with pytest.raises(UnreachableIndexError, match=r"127\.0\.0\.1:1/uv/: .*refused"):
        files_of("uv", Index("http://127.0.0.1:1"), IndexSettings(()))
    with pytest.raises(UnreachableIndexError, match="certificates in /nonexistent cannot be read"):
        files_of("uv", Index("http://127.0.0.1:1"), IndexSettings((), certificates="/nonexistent"))
