"""What an operator may write: lists, URLs, numbers, nothing at all, and names that are nearly right."""

from __future__ import annotations

import pytest

from leanpix.settings import Settings, SettingsError, read_settings, unknown_settings

SECRET = "not to be shown: 0123456789abcdef"


def told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """What is said about a value that is refused."""
    monkeypatch.setenv(f"LEANPIX_{name}", value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("cors_origins", "https://a.example, https://b.example:8443/", ("https://a.example", "https://b.example:8443")),
        ("cors_origins", "*", ("*",)),
        ("cors_origins", "none", ()),
        ("cors_origins", '["https://a.example"]', ("https://a.example",)),
        ("fetch_ports", "80, 8080", (80, 8080)),
        ("extra_formats", "jxl, avif", ("jxl", "avif")),
        ("tinify_store_endpoints", "https://s3.{region}.example,http://[::1]:9000", None),
    ],
)
def test_a_list_is_separated_by_commas(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    monkeypatch.setenv(f"LEANPIX_{name.upper()}", text)
    expected = tuple(text.split(",")) if value is None else value
    assert getattr(read_settings(), name) == expected


def test_networks_are_separated_by_commas_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANPIX_METRICS_NETS", "10.0.0.0/8, ::1")
    assert [str(net) for net in read_settings().metrics_nets] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_an_empty_value_is_an_absent_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    absent = getattr(read_settings(), name)
    monkeypatch.setenv(f"LEANPIX_{name.upper()}", "")
    assert getattr(read_settings(), name) == absent


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("PUBLIC_URL", "img.example.com", "is https://img.example.com meant?"),
        ("PUBLIC_URL", "//img.example.com", "is https://img.example.com meant?"),
        ("PUBLIC_URL", "ftp://img.example.com", "is https://img.example.com meant?"),
        ("PUBLIC_URL", "https:///path", "names no host"),
        ("PUBLIC_URL", "https://img.example.com:port", "no URL"),
        ("PUBLIC_URL", "https://img.example.com?x=1", "no ?"),
        ("POLICY_URL", "localhost:9000/review", "is https://localhost:9000/review meant?"),
        ("OTLP_ENDPOINT", "127.0.0.1:4318", "is https://127.0.0.1:4318 meant?"),
        ("SERVER", "127.0.0.1:8000", "is https://127.0.0.1:8000 meant?"),
        ("STORE_URL", "bucket/prefix", "is s3://bucket/prefix meant?"),
        ("STORE_URL", "https://s3.example/bucket", "is s3://s3.example/bucket meant?"),
        ("DATABASE_URL", "localhost/leanpix", "postgresql://user:password@host/database"),
        ("DATABASE_URL", "mysql://localhost/leanpix", "only postgresql://"),
        ("CORS_ORIGINS", "https://a.example/shop", "https://a.example"),
        ("CORS_ORIGINS", "a.example", "is https://a.example meant?"),
        ("TINIFY_STORE_ENDPOINTS", "https://s3.example/bucket", "https://s3.example"),
    ],
)
def test_a_url_is_checked_and_what_is_meant_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, meant: str
) -> None:
    text = told(monkeypatch, name, value)
    assert text.startswith(f"LEANPIX_{name}=")
    assert meant in text
    assert "\n" not in text


def test_a_base_url_may_have_a_path_and_loses_the_slash_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANPIX_PUBLIC_URL", "https://example.com/img/")
    assert read_settings().public_url == "https://example.com/img"


NUMBERS = [
    name
    for name, field in sorted(Settings.model_fields.items())
    if field.annotation in (int, float, int | None, float | None)
]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_bounds_at_both_ends(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for value in ("inf", "-inf", "nan", "-1", "9" * 30):
        assert f"LEANPIX_{name.upper()}={value!r}" in told(monkeypatch, name.upper(), value)


def test_numbers_are_found() -> None:
    assert len(NUMBERS) > 50


@pytest.mark.parametrize("name", ["SECRET", "METRICS_TOKEN", "POLICY_SECRET", "DATABASE_URL"])
def test_a_secret_that_is_refused_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text = told(monkeypatch, name, SECRET[:15])
    assert SECRET[:15] not in text
    assert text.startswith(f"LEANPIX_{name}=(not shown): ")


def test_a_password_in_a_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in told(monkeypatch, "OTLP_ENDPOINT", "gopher://me:hunter2@collector.example")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("LEANPIX_SYNC_WAIT", "LEANPIX_SYNC_WAIT is no setting and is ignored: is LEANPIX_SYNC_WAIT_S meant?"),
        ("LEANPIX_SANBOX", "LEANPIX_SANBOX is no setting and is ignored: is LEANPIX_SANDBOX meant?"),
        ("leanpix_publicurl", "LEANPIX_PUBLICURL is no setting and is ignored: is LEANPIX_PUBLIC_URL meant?"),
        ("LEANPIX_XYZZY", "LEANPIX_XYZZY is no setting and is ignored"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_known_one(name: str, line: str) -> None:
    assert unknown_settings([name]) == [line]


def test_known_names_and_those_of_kubernetes_are_no_news() -> None:
    known = [f"LEANPIX_{name.upper()}" for name in Settings.model_fields]
    services = ["LEANPIX_SERVICE_HOST", "LEANPIX_API_SERVICE_PORT_HTTP", "LEANPIX_API_PORT_80_TCP_ADDR"]
    assert unknown_settings([*known, *services, "PATH"]) == []


def test_a_port_that_kubernetes_sets_is_refused_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "enableServiceLinks: false" in told(monkeypatch, "PORT", "tcp://10.96.0.12:80")
