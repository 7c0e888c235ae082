"""The account routes over HTTP: a key's own figures, and the administration of keys."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import httpx
import pytest
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server


def test_a_key_sees_its_account_and_what_it_used_today(server: Server) -> None:
    with server.client(key_for(server, "a shop", credits=5)) as client:
        client.post(API, data={"sync": "1"}, files={"image_file": encoded(gradient(64, 64))})
        account = client.get("/v1/account").json()["data"]
        days = client.get("/v1/account/usage", params={"days": "7"}).json()["data"]["days"]
    assert (account["name"], account["credits"], account["is_admin"]) == ("a shop", 4, False)
    assert len(days) == 7
    assert days[-1] == {"day": datetime.now(UTC).date().isoformat(), "tasks": 1, "credits": 1}
    assert all(day["tasks"] == 0 for day in days[:-1])


def test_an_admin_makes_tops_up_and_revokes_keys(server: Server) -> None:
    with server.client() as admin:
        made = admin.post("/v1/keys", json={"name": "new", "credits": 1, "qps": 3}).json()["data"]
        assert admin.post(f"/v1/keys/{made['id']}/topup", json={"credits": 4}).status_code == 200
        listed = {key["id"]: key for key in admin.get("/v1/keys").json()["data"]["keys"]}
        assert (listed[made["id"]]["credits"], listed[made["id"]]["qps"]) == (5, 3)
        assert "secret" not in str(listed)
        with server.client(made["key"]) as client:
            assert client.get("/v1/account").status_code == 200
            assert admin.post(f"/v1/keys/{made['id']}/revoke").status_code == 200
            time.sleep(0.6)  # how long a key's answer may be remembered
            assert client.get("/v1/account").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/keys"), ("POST", "/v1/keys"), ("POST", "/v1/keys/x/revoke"), ("POST", "/v1/keys/x/topup")],
)
def test_only_an_admin_may_administer(server: Server, method: str, path: str) -> None:
    with server.client(key_for(server)) as client:
        refused = client.request(method, path, json={"name": "mine", "credits": 1})
    assert refused.status_code == 401
    assert refused.json()["message"].startswith("this API key may not administer keys")
    assert "data" not in refused.json()
    with server.client("lp_nobody_knows") as stranger:
        assert stranger.request(method, path).status_code == 401


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"name": ""}', "name"),
        (b'{"name": 5}', "name"),
        (b'{"name": "n", "credits": -1}', "credits"),
        (b'{"name": "n", "credits": 1.5}', "credits"),
        (b'{"name": "n", "credits": true}', "credits"),
        (b'{"name": "n", "qps": 0}', "qps"),
        (b'{"name": "n", "qps": NaN}', "qps"),
        (b'{"name": "n", "is_admin": "yes"}', "is_admin"),
        (b"[]", "JSON object"),
        (b"{", "valid JSON"),
        (b'{"name": "' + b"n" * 20_000 + b'"}', "16384 bytes"),
    ],
)
def test_a_wrong_key_is_not_made_and_the_field_is_named(server: Server, body: bytes, named: str) -> None:
    with server.client() as admin:
        refused = admin.post("/v1/keys", content=body)
    assert refused.status_code == 400
    assert named in refused.json()["message"]


def test_unknown_keys_and_wrong_numbers_are_refused(server: Server) -> None:
    with server.client() as admin:
        assert admin.post("/v1/keys/nobody/revoke").status_code == 404
        assert admin.post("/v1/keys/nobody/topup", json={"credits": 1}).status_code == 404
        assert admin.post("/v1/keys/nobody/topup", json={}).status_code == 400
        for days in ("0", "367", "-1", "many", "1e1", "\u0663"):
            assert admin.get("/v1/account/usage", params={"days": days}).status_code == 400


def test_account_routes_and_pages_are_for_this_origin_only(server: Server) -> None:
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    with server.client() as client:
        for path in ("/v1/account", "/v1/account/usage", "/v1/keys", "/", "/account"):
            assert "access-control-allow-origin" not in client.get(path, headers=origin).headers
            assert "access-control-allow-origin" not in client.options(path, headers=origin).headers


def test_pages_are_served_under_a_strict_policy_and_asked_for_again_cheaply(server: Server) -> None:
    for path in ("/", "/account", "/page/main.js", "/page/vendor/client-zip.js"):
        answer = httpx.get(server.base + path, trust_env=False)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = {"If-None-Match": answer.headers["etag"]}
        assert httpx.get(server.base + path, headers=again, trust_env=False).status_code == 304
        plain = httpx.get(server.base + path, headers={"Accept-Encoding": "identity"}, trust_env=False)
        assert plain.content == answer.content
    for path in ("/page/index.html", "/page/nothing.js", "/page/../app.py", "/page/%2e%2e/app.py"):
        assert httpx.get(server.base + path, trust_env=False).status_code == 404
