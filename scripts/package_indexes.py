"""Where this machine gets Python packages from, by pip's and uv's own settings, and a reader of such an index.

Nothing but the standard library: this runs before anything is installed. uv's settings come before pip's, variables
before files, a user's file before the machine's. Of pip's files the sections [global], [install], [download] count.
"""

from __future__ import annotations

import base64
import configparser
import json
import netrc
import os
import ssl
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

PYPI = "https://pypi.org/simple"
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
TIMEOUT_S = 60.0
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class UnreachableIndexError(Exception):
    """An index does not answer, or not with what an index answers; the text is one line and holds no password."""


@dataclass(frozen=True)
class Index:
    """A simple API's root, and what to log in with."""

    url: str
    login: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class IndexSettings:
    """What pip's and uv's settings say; `indexes` in the order in which they are asked, the default one last."""

    indexes: tuple[Index, ...]
    proxy: str | None = None
    certificates: str | None = None
    client_certificate: str | None = None
    trusted_hosts: frozenset[str] = frozenset()

    @property
    def is_pypi(self) -> bool:
        """Whether files are to come from PyPI itself, whose addresses the lock holds."""
        return any(urlsplit(index.url).hostname == "pypi.org" for index in self.indexes[-1:])

    def for_uv(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The variables by which uv goes by pip's settings too; what is set for uv itself stays."""
        given = {
            "UV_DEFAULT_INDEX": "" if self.is_pypi or not self.indexes else with_login(self.indexes[-1]),
            "UV_INDEX": "" if self.is_pypi else " ".join(with_login(index) for index in self.indexes[:-1]),
            # Only the lock's digests decide what is installed, so any index may bring it.
            "UV_INDEX_STRATEGY": "" if self.is_pypi else "unsafe-best-match",
            "SSL_CERT_FILE": self.certificates or "",
            "SSL_CLIENT_CERT": self.client_certificate or "",
            "HTTPS_PROXY": self.proxy or "",
            "HTTP_PROXY": self.proxy or "",
            # uv has certificates of its own, which a company's machine cannot do with.
            "UV_SYSTEM_CERTS": "1" if ssl.get_default_verify_paths().cafile else "",
            "UV_INSECURE_HOST": " ".join(sorted(self.trusted_hosts)),
        }
        return {name: value for name, value in given.items() if value and not environment.get(name)}


@dataclass(frozen=True)
class IndexFile:
    """A file that an index offers. The digest is missing where the index tells none."""

    name: str
    url: str
    sha256: str | None


# ---- Settings --------------------------------------------------------------------------------------------------------


def read_index_settings(environment: Mapping[str, str], root: Path = Path("/")) -> IndexSettings:
    """Read what pip and uv would; files of the machine are looked for under `root`."""
    uv, pip = _uv_settings(environment, root), _pip_settings(environment, root)
    default = uv.default or pip.get("index-url") or PYPI
    urls = [*uv.extra, *pip.get("extra-index-url", "").split(), *([] if _is_on(pip.get("no-index")) else [default])]
    certificates = next(filter(None, map(environment.get, CERTIFICATE_VARIABLES)), None) or pip.get("cert")
    return IndexSettings(
        tuple(_index(url, uv.logins) for url in dict.fromkeys(urls)),
        pip.get("proxy"),
        certificates,
        pip.get("client-cert"),
        frozenset([*pip.get("trusted-host", "").split(), *uv.trusted_hosts]),
    )


@dataclass
class _UvSettings:
    default: str | None = None
    extra: list[str] = field(default_factory=list)
    logins: dict[str, tuple[str, str]] = field(default_factory=dict)
    trusted_hosts: list[str] = field(default_factory=list)


def _uv_settings(environment: Mapping[str, str], root: Path) -> _UvSettings:
    read = _UvSettings()
    read.default = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL")
    named = f"{environment.get('UV_INDEX', '')} {environment.get('UV_EXTRA_INDEX_URL', '')}".split()
    read.trusted_hosts = environment.get("UV_INSECURE_HOST", "").split()
    for table in _uv_tables(environment, root):
        read.default = read.default or table.get("index-url")
        read.trusted_hosts += table.get("allow-insecure-host", [])
        for index in table.get("index", []):
            text = f"{index['name']}={index['url']}" if "name" in index else index["url"]
            if index.get("default"):
                read.default = read.default or text
            else:
                named.append(text)
        named += table.get("extra-index-url", [])
    read.extra = [_without_name(text, environment, read) for text in named]
    read.default = read.default and _without_name(read.default, environment, read)
    return read


def _without_name(text: str, environment: Mapping[str, str], read: _UvSettings) -> str:
    """The URL of `name=URL`; what UV_INDEX_NAME_USERNAME and _PASSWORD say of it is put among the logins."""
    name, separator, url = text.partition("=")
    if not separator or "/" in name:
        return text
    variable = f"UV_INDEX_{''.join(c if c.isalnum() else '_' for c in name).upper()}"
    user, password = (environment.get(f"{variable}_{part}") for part in ("USERNAME", "PASSWORD"))
    if user is not None or password is not None:
        read.logins[url] = (user or "", password or "")
    return url


def _uv_tables(environment: Mapping[str, str], root: Path) -> Iterator[dict[str, Any]]:
    """uv.toml of the user, then of the machine; or the one that UV_CONFIG_FILE names."""
    machine = [Path(folder) / "uv/uv.toml" for folder in _machine_folders(environment, root)]
    usual = [_home(environment) / "uv/uv.toml", *machine[:1], root / "etc/uv/uv.toml"]
    one = environment.get("UV_CONFIG_FILE")
    if environment.get("UV_NO_CONFIG"):
        return
    for path in [Path(one)] if one else usual:
        if path.is_file():
            try:
                yield tomllib.loads(path.read_text(encoding="utf-8"))
            except tomllib.TOMLDecodeError as error:
                raise UnreachableIndexError(f"{path} cannot be read: {error}") from error


def _pip_settings(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    settings: dict[str, str] = {}
    for path in _pip_files(environment, root):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except configparser.Error as error:
            raise UnreachableIndexError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
        for section in ("global", "install", "download"):
            if parser.has_section(section):
                settings |= {name.replace("_", "-"): value for name, value in parser.items(section)}
    for name, value in environment.items():
        if name.startswith("PIP_") and value:
            settings[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return settings


def _pip_files(environment: Mapping[str, str], root: Path) -> list[Path]:
    """In the order in which pip reads them: a later one wins."""
    one = environment.get("PIP_CONFIG_FILE")
    if one == os.devnull:
        return []
    machine = [folder / "pip/pip.conf" for folder in reversed(_machine_folders(environment, root))]
    home = Path(environment.get("HOME", "/")) / ".pip/pip.conf"
    usual = [*machine, root / "etc/pip.conf", home, _home(environment) / "pip/pip.conf", Path(sys.prefix) / "pip.conf"]
    return [*usual, Path(one)] if one else usual


def _machine_folders(environment: Mapping[str, str], root: Path) -> list[Path]:
    named = environment.get("XDG_CONFIG_DIRS")
    return [Path(folder) for folder in named.split(":") if folder] if named else [root / "etc/xdg"]


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/")) / ".config")


def _index(url: str, logins: Mapping[str, tuple[str, str]]) -> Index:
    """With the login taken out of the URL, where it must not be shown."""
    parts = urlsplit(url)
    login = logins.get(url)
    if parts.username is not None and login is None:
        login = (unquote(parts.username), unquote(parts.password or ""))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return Index(urlunsplit(bare).rstrip("/"), login)


def with_login(index: Index) -> str:
    """The index's URL as pip and uv take it, with what to log in with."""
    if index.login is None:
        return index.url
    user, password = (quote(part, safe="") for part in index.login)
    parts = urlsplit(index.url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))


def _is_on(value: str | None) -> bool:
    return (value or "").lower() in {"1", "true", "yes", "on"}


# ---- Reading an index ------------------------------------------------------------------------------------------------


def files_of(project: str, index: Index, settings: IndexSettings) -> list[IndexFile]:
    """What an index offers of a project, by PEP 691 where it can and PEP 503 elsewhere."""
    page = f"{index.url}/{project}/"
    body, content_type, base = _answer(page, index, settings, accept=ACCEPT)
    try:
        if "json" in content_type:
            return [
                IndexFile(file["filename"], urljoin(base, file["url"]), file.get("hashes", {}).get("sha256"))
                for file in json.loads(body)["files"]
            ]
        anchors = _Anchors(base)
        anchors.feed(body.decode("utf-8", "replace"))
    except (ValueError, KeyError, TypeError) as error:
        raise UnreachableIndexError(f"{page} is no page of a package index") from error
    return anchors.files


def read_file(file: IndexFile, index: Index, settings: IndexSettings) -> bytes:
    """The file's bytes, as the index gives them: to be checked by whoever asked."""
    return _answer(file.url, index, settings, accept="*/*")[0]


class _Anchors(HTMLParser):
    """The links of a simple index's page."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.files: list[IndexFile] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "base" and href:
            self.base = urljoin(self.base, href)
        if tag != "a" or not href:
            return
        parts = urlsplit(urljoin(self.base, href))
        algorithm, _, digest = parts.fragment.partition("=")
        name = unquote(parts.path.rpartition("/")[2])
        url = urlunsplit(parts._replace(fragment=""))
        self.files.append(IndexFile(name, url, digest if algorithm == "sha256" else None))


def _answer(url: str, index: Index, settings: IndexSettings, *, accept: str) -> tuple[bytes, str, str]:
    """The body, its type and the address that it came from in the end."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        path = path / "index.html" if path.is_dir() else path
        try:
            return path.read_bytes(), "text/html", url
        except OSError as error:
            raise UnreachableIndexError(f"{path}: {error.strerror}") from error
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "leanpix-setup"})  # noqa: S310 - below
    login = _login_for(parts.netloc, index)
    if login is not None:  # unredirected: another host must not be told
        token = base64.b64encode(":".join(login).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    try:
        with _opener(parts.hostname or "", parts.netloc, settings).open(request, timeout=TIMEOUT_S) as answer:
            return answer.read(), answer.headers.get_content_type(), answer.geturl()
    except urllib.error.HTTPError as error:
        error.close()
        raise UnreachableIndexError(f"{url} answers {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UnreachableIndexError(f"{url}: {' '.join(str(reason).split())}") from error


def _login_for(netloc: str, index: Index) -> tuple[str, str] | None:
    """The index's own login on the index's host; on any host what ~/.netrc says."""
    if index.login is not None and netloc == urlsplit(index.url).netloc:
        return index.login
    try:
        found = netrc.netrc(os.environ.get("NETRC") or None).authenticators(netloc.partition(":")[0])
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None


def _opener(host: str, netloc: str, settings: IndexSettings) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = []
    if settings.proxy:
        proxy = settings.proxy if "://" in settings.proxy else f"http://{settings.proxy}"
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    context = ssl.create_default_context()  # by SSL_CERT_FILE and SSL_CERT_DIR, as OpenSSL does by itself
    try:
        if settings.certificates:
            place = Path(settings.certificates)
            context.load_verify_locations(**{"capath" if place.is_dir() else "cafile": str(place)})
        if settings.client_certificate:
            context.load_cert_chain(settings.client_certificate)
    except OSError as error:
        named = settings.certificates or settings.client_certificate
        raise UnreachableIndexError(f"the certificates in {named} cannot be read: {error}") from error
    if {host, netloc} & settings.trusted_hosts:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=context))
