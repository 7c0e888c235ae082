"""uv by whichever way a machine has: its own, pip's, an index's; and what is said where there is none."""

from __future__ import annotations

import hashlib
import io
import platform
import subprocess
import zipfile
from pathlib import Path

import bootstrap_uv
import pytest
from package_indexes import Index, IndexSettings, UnreachableIndexError

PINNED = f"#!/bin/sh\necho 'uv {bootstrap_uv.VERSION} (a test)'\n"


def wheel(program: str = PINNED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(f"uv-{bootstrap_uv.VERSION}.data/scripts/uv", program)
    return target.getvalue()


def index_of(folder: Path, content: bytes, name: str, *, digest: str | None) -> IndexSettings:
    """An index on the disk with one file in it."""
    (folder / "uv").mkdir(parents=True)
    (folder / "uv" / name).write_bytes(content)
    fragment = "" if digest is None else f"#sha256={digest}"
    (folder / "uv" / "index.html").write_text(f'<a href="{name}{fragment}">{name}</a>')
    return IndexSettings((Index((folder).as_uri()),))


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bootstrap_uv, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(bootstrap_uv, "USUAL_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    (tmp_path / "tools").mkdir()
    (tmp_path / "bin").mkdir()
    return tmp_path / "tools" / "uv"


def pin(content: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    digest = hashlib.sha256(content).hexdigest()
    pins = {(platform.machine(), libc): digest for libc in ("glibc", "musl")}
    monkeypatch.setattr(bootstrap_uv, "WHEELS", pins)
    return digest


def said(program: Path) -> str:
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("tells_digests", [True, False])
def test_an_index_gives_the_pinned_wheel(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_digests: bool
) -> None:
    digest = pin(wheel(), monkeypatch)
    libc = "manylinux_2_17" if platform.libc_ver()[0] == "glibc" else "musllinux_1_1"
    name = f"uv-{bootstrap_uv.VERSION}-py3-none-{libc}_{platform.machine()}.whl"
    settings = index_of(tmp_path / "index", wheel(), name, digest=digest if tells_digests else None)
    bootstrap_uv.by_index(target, settings)
    assert bootstrap_uv.VERSION in said(target)


def test_a_wheel_of_another_digest_is_refused(target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = pin(wheel(), monkeypatch)
    name = f"uv-{bootstrap_uv.VERSION}-py3-none-any.whl"
    settings = index_of(tmp_path / "index", wheel("#!/bin/sh\necho 'uv 99.0.0'\n"), name, digest=digest)
    with pytest.raises(UnreachableIndexError, match="no wheel of the pinned digest"):
        bootstrap_uv.by_index(target, settings)
    assert not target.exists()


def test_the_next_index_is_asked_where_one_does_not_answer(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = pin(wheel(), monkeypatch)
    good = index_of(tmp_path / "index", wheel(), f"uv-{bootstrap_uv.VERSION}-x.whl", digest=digest)
    bootstrap_uv.by_index(target, IndexSettings((Index("http://127.0.0.1:1"), *good.indexes)))
    assert target.exists()


@pytest.mark.parametrize(("version", "is_taken"), [("0.8.0", True), ("1.0.0", True), ("0.7.22", False)])
def test_an_installed_uv_is_used_when_it_is_new_enough(
    target: Path, tmp_path: Path, version: str, is_taken: bool
) -> None:
    own = tmp_path / "bin" / "uv"
    own.write_text(f"#!/bin/sh\necho 'uv {version} (a test)'\n")
    own.chmod(0o755)
    assert bootstrap_uv.by_installed(target) is is_taken
    if is_taken:
        assert said(target) == said(own)


def test_what_is_there_already_is_kept_without_asking_anyone(target: Path) -> None:
    target.write_text(PINNED)
    target.chmod(0o755)
    assert bootstrap_uv.main() == 0


def test_nothing_reachable_ends_in_one_line_that_says_what_to_do(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target.write_text("#!/bin/sh\nexit 1\n")  # such as one whose program is gone
    target.chmod(0o755)
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://ann:secret@127.0.0.1:1/simple")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert bootstrap_uv.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "127.0.0.1:1/simple/uv/" in line
    assert "secret" not in line
    assert "PIP_INDEX_URL" in line


def test_a_uv_that_does_not_run_where_it_lies_is_said_in_one_line(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a disk that is mounted noexec."""
    broken = wheel("#!/no/such/interpreter\n")
    digest = pin(broken, monkeypatch)
    libc = "manylinux_2_17" if platform.libc_ver()[0] == "glibc" else "musllinux_1_1"
    name = f"uv-{bootstrap_uv.VERSION}-py3-none-{libc}_{platform.machine()}.whl"
    settings = index_of(tmp_path / "index", broken, name, digest=digest)
    monkeypatch.setattr(bootstrap_uv, "by_pip", lambda _target: False)
    monkeypatch.setattr(bootstrap_uv, "read_index_settings", lambda _environment: settings)
    assert bootstrap_uv.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(target) in line
    assert "noexec" in line
