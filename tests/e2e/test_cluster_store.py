"""What the operator may have of the S3 store: result URLs of its own, and a rule that sweeps after everybody."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.support.cluster import new_cluster
from tests.support.failures import PICTURE
from tests.support.pages import ROOT
from tests.support.server import API, key_in
from tests.support.servers import S3_KEYS, Postgres, Seaweed

HOUR_S = 3600


def test_results_are_read_from_the_store_by_its_own_urls_for_an_hour(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with new_cluster(postgres, seaweed, tmp_path, presign="true", row_bytes="0") as cluster:
        key = key_in(cluster.cli("migrate"))
        api = cluster.api()
        cluster.worker()
        cluster.wait()
        with httpx.Client(trust_env=False, timeout=60, headers={"X-API-KEY": key}) as client:
            files, data = {"image_file": PICTURE}, {"sync": "1", "format": "webp"}
            made = client.post(api.base + API, files=files, data=data).json()["data"]
            asked = client.get(f"{api.base}{API}/{made['task_id']}").json()["data"]
    for url in (made["image"], asked["image"]):
        assert url.startswith(seaweed.environment["AWS_ENDPOINT_URL"])
        assert urlsplit(url).path.endswith(".webp")
        assert 0 < int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= HOUR_S
        got = httpx.get(url, trust_env=False)
        assert (got.status_code, got.headers["content-type"]) == (200, "image/webp")
        assert got.content[8:12] == b"WEBP"
    unsigned = made["image"].partition("?")[0]
    assert httpx.get(unsigned, trust_env=False).status_code == 403


def test_a_small_result_that_lies_in_the_database_has_a_link_of_the_service(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with new_cluster(postgres, seaweed, tmp_path, presign="true") as cluster:
        key = key_in(cluster.cli("migrate"))
        first, second = cluster.api(), cluster.api()
        cluster.worker()
        cluster.wait()
        with httpx.Client(trust_env=False, timeout=60, headers={"X-API-KEY": key}) as client:
            answers = [
                client.post(first.base + API, files={"image_file": PICTURE}, data={"sync": "1", "return_type": kind})
                for kind in ("1", "2")
            ]
            link, text = (answer.json()["data"]["image"] for answer in answers)
            assert link.startswith(first.base)
            read = [client.get(link.replace(first.base, node.base)) for node in (first, second)]
        assert [answer.status_code for answer in read] == [200, 200]
        assert {answer.content for answer in read} == {base64.b64decode(text)}
        assert cluster.rows("SELECT count(*) FROM tasks WHERE result_in_row") == [(2,)]


def documented_rules() -> list[dict[str, Any]]:
    """The bucket's lifecycle configuration as deploy/README.md gives it."""
    found = re.search(r"--lifecycle-configuration '(.*?)'", (ROOT / "deploy" / "README.md").read_text(), re.DOTALL)
    assert found is not None
    rules: list[dict[str, Any]] = json.loads(found[1].replace("PREFIX", "shop"))["Rules"]
    return rules


def as_xml(name: str, value: Any) -> str:
    inner = "".join(as_xml(*pair) for pair in value.items()) if isinstance(value, Mapping) else str(value)
    return f"<{name}>{inner}</{name}>"


def bucket(seaweed: Seaweed, method: str, query: str, body: str = "") -> tuple[int, str]:
    """What the store answers to a signed request about its bucket."""
    keys = f"{S3_KEYS['AWS_ACCESS_KEY_ID']}:{S3_KEYS['AWS_SECRET_ACCESS_KEY']}"
    signed = ["--aws-sigv4", f"aws:amz:{S3_KEYS['AWS_REGION']}:s3", "--user", keys]
    # What older versions of curl leave out of their signatures, or put in otherwise.
    signed += ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    url = f"{seaweed.environment['AWS_ENDPOINT_URL']}/pictures?{query}="
    sent = ["--data-binary", body, "-H", "Content-Type: application/xml"] if body else []
    command = ["curl", "-sS", "--noproxy", "*", "-w", "\n%{http_code}", "-X", method, *signed, *sent, url]
    answer, _, status = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rpartition("\n")
    return int(status), answer


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl signs the requests")
def test_the_documented_lifecycle_rule_is_taken_by_a_store_and_kept_as_it_was_given(seaweed: Seaweed) -> None:
    rules = documented_rules()
    wanted = "".join(as_xml("Rule", rule) for rule in rules)
    status, answer = bucket(seaweed, "PUT", "lifecycle", f"<LifecycleConfiguration>{wanted}</LifecycleConfiguration>")
    assert status == 200, answer
    status, answer = bucket(seaweed, "GET", "lifecycle")
    assert status == 200, answer
    kept = dict(re.findall(r"<(\w+)>([^<]+)</", answer))
    assert (kept["Prefix"], kept["Status"], kept["Days"]) == ("shop/", "Enabled", "1")
    assert kept["DaysAfterInitiation"] == "1"
    assert bucket(seaweed, "DELETE", "lifecycle")[0] == 204
