"""Result links and keys: only what was signed or issued is let in."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.ledger import Book, SettableClock, success

from leanpix.domain.account import Account
from leanpix.domain.errors import KeyRefusedError
from leanpix.service.execute import record
from leanpix.service.keys import Keyring, SecretHasher, new_key
from leanpix.service.signed_urls import SignedUrls

SECRET = b"a secret of thirty-two characters"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def links(clock: SettableClock) -> SignedUrls:
    return SignedUrls(SECRET, clock, "https://img.example.com")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "test.db") as opened:
        yield opened


@pytest.fixture
def path(links: SignedUrls, clock: SettableClock, book: Book) -> str:
    """The link of a finished task, good for an hour."""
    book.account()
    task = book.claimed(book.task())
    with book.database.transaction() as change:
        record(change, task, success(task), 3.0)
    return links.path(book.get(task.id), clock() + 3600)


def test_a_link_opens_its_own_result_until_its_hour_is_over(links: SignedUrls, path: str, clock: SettableClock) -> None:
    url = f"https://img.example.com{path}"
    blob = links.blob_of(url)
    assert blob is not None
    assert blob.startswith("results/")
    clock.move(3601)
    assert links.blob_of(url) is None


def test_a_link_signed_by_another_secret_is_refused(path: str, clock: SettableClock) -> None:
    assert SignedUrls(b"another secret of 32 characters!!", clock).blob_of(f"http://a{path}") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("e=", "e=9"),
        ("e=", "e=-"),
        ("e=", "e=%F0%9F%98%80"),
        ("k=", "k=0"),
        ("s=", "s=A"),
        ("&s=", "&t="),
        ("&k=", "&l="),
        ("?e=", "?f="),
        (".jpg", ".png"),
        ("-1.jpg", "-2.jpg"),
        ("/results/", "/results/..%2f"),
        ("-1.jpg", "-1.jpg%00"),
        ("-1.jpg", "-1.jpg/../../secret"),
        ("/results/", "/other/"),
    ],
)
def test_a_link_with_anything_changed_is_refused(links: SignedUrls, path: str, old: str, new: str) -> None:
    changed = path.replace(old, new, 1)
    assert changed != path
    assert links.blob_of(f"http://a{changed}") is None


@pytest.mark.parametrize("name", ["../../secret", "a/b.jpg", "x" * 36 + "-1.jpg", "", ".", "%2e%2e"])
def test_a_name_that_this_service_did_not_make_opens_nothing_even_if_signed(links: SignedUrls, name: str) -> None:
    expiry = 9_999_999_999
    assert links.blob(name, str(expiry), links.key_id, links._sign(name, expiry)) is None


def test_signatures_and_secrets_are_compared_in_constant_time(
    links: SignedUrls, path: str, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    original = hmac.compare_digest

    def watched(one: bytes, two: bytes) -> bool:
        compared.append((one, two))
        return original(one, two)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    links.blob_of(f"http://a{path}")
    keyring, text = with_one_key(book, SettableClock())
    keyring.account(text)
    assert len(compared) == 2


def with_one_key(book: Book, clock: SettableClock) -> tuple[Keyring, str]:
    hasher, key = SecretHasher(b"pepper"), new_key()
    with book.database.transaction() as change:
        account = Account(key.id, "test", 2, None, is_admin=False, created_at=1.0)
        change.accounts.add(account, hasher.hash(key.secret))
    return Keyring(book.database, hasher, clock), key.text


def test_a_key_is_known_by_its_whole_secret_only(book: Book) -> None:
    keyring, text = with_one_key(book, SettableClock())
    assert keyring.account(text).name == "test"
    prefix, key_id, secret = text.split("_")
    last = "a" if secret[-1] != "a" else "b"
    wrong = [None, "", secret, f"{prefix}_{key_id}_", f"{prefix}_{key_id}_{secret[:-1]}{last}", f"x_{key_id}_{secret}"]
    wrong += [f"{prefix}_{new_key().id}_{secret}", f"{text}_more", f"{text}é", text.upper()]
    for attempt in wrong:
        with pytest.raises(KeyRefusedError):
            keyring.account(attempt)


def test_a_database_alone_tells_no_key(book: Book) -> None:
    _, text = with_one_key(book, SettableClock())
    other = Keyring(book.database, SecretHasher(b"another pepper"), SettableClock())
    with pytest.raises(KeyRefusedError):
        other.account(text)


def test_a_revoked_key_is_refused_within_a_second(book: Book) -> None:
    clock = SettableClock()
    keyring, text = with_one_key(book, clock)
    keyring.account(text)
    with book.database.transaction() as change:
        assert change.accounts.revoke(text.split("_")[1], 2.0)
    clock.move(1.0)
    with pytest.raises(KeyRefusedError):
        keyring.account(text)
