"""How an operator's values are read."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest
from pydantic import ValidationError

from leanpix.batch_settings import settings_of
from leanpix.fetching.settings import FetchSettings


def test_the_defaults_are_the_safe_ones() -> None:
    settings = FetchSettings()
    assert settings.fetch_ports == (80, 443)
    assert settings.fetch_allow_nets == ()
    assert settings.fetch_max_bytes == 30 * 1024 * 1024
    assert (settings.fetch_timeout_s, settings.fetch_first_byte_timeout_s) == (30, 10)
    assert (settings.fetch_max_redirects, settings.fetch_max_headers) == (10, 100)
    assert settings.fetch_max_header_bytes == 32 * 1024


def test_lists_are_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANPIX_FETCH_PORTS", "80, 443,8080")
    monkeypatch.setenv("LEANPIX_FETCH_ALLOW_NETS", "127.0.0.0/8, fd00:1::/64,10.0.0.5")
    settings = settings_of(FetchSettings, {})
    assert settings.fetch_ports == (80, 443, 8080)
    assert settings.fetch_allow_nets == (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("fd00:1::/64"),
        IPv4Network("10.0.0.5/32"),
    )


def test_an_empty_list_of_nets_allows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANPIX_FETCH_ALLOW_NETS", "")
    assert settings_of(FetchSettings, {}).fetch_allow_nets == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fetch_ports", "0"),
        ("fetch_ports", "65536"),
        ("fetch_ports", "http"),
        ("fetch_ports", ""),
        ("fetch_allow_nets", "localhost"),
        ("fetch_allow_nets", "10.0.0.1/8"),
        ("fetch_timeout_s", "0"),
        ("fetch_timeout_s", "inf"),
        ("fetch_user_agent", "a\r\nX: 1"),
        ("fetch_user_agent", ""),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        FetchSettings.model_validate({name: value})
