"""A database knows the secret that its keys were made with, whichever database it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from tests.support.ledger import Book
from tests.support.ports import Node

from leanpix.domain.account import Account
from leanpix.domain.errors import SetupError
from leanpix.service.admin import Admin
from leanpix.service.installed_secret import (
    claimed_fingerprint,
    fingerprint_of,
    known_fingerprint,
    needs_its_secret,
    refuse_other,
)
from leanpix.service.keys import Keyring, SecretHasher
from leanpix.service.ports import Database

SECRET, OTHER = b"the secret that was there first", b"another secret of the same kind"


def admit_secret(database: Database, secret: bytes) -> None:
    refuse_other(claimed_fingerprint(database, secret), secret, "LEANPIX_SECRET", "leanpix.db")


def admin_of(node: Node, secret: bytes) -> Admin:
    return Admin(node.database, SecretHasher(secret), lambda: 1.0, 2)


def test_the_first_secret_is_recorded_and_any_other_is_refused(node: Node) -> None:
    assert not needs_its_secret(node.database)
    assert known_fingerprint(node.database) is None
    admit_secret(node.database, SECRET)
    assert needs_its_secret(node.database)
    admit_secret(node.database, SECRET)
    with pytest.raises(SetupError, match=r"LEANPIX_SECRET is not the one .* leanpix\.db were made with"):
        admit_secret(node.database, OTHER)
    admit_secret(node.database, SECRET)


def test_a_database_of_an_older_version_needs_its_secret_for_it_has_keys(node: Node, book: Book) -> None:
    with book.database.transaction() as change:
        change.accounts.add(Account("key", "shop", 2, None, is_admin=False, created_at=1), bytes(32))
    assert needs_its_secret(node.database)


def test_of_two_secrets_at_once_one_is_recorded(node: Node) -> None:
    with node.database.transaction() as change:
        assert change.installation.claim_secret("first") == "first"
        assert change.installation.claim_secret("second") == "first"


def test_nodes_that_record_the_same_at_once_do_not_stand_in_each_others_way(node: Node) -> None:
    def record() -> None:
        with node.database.transaction() as change:
            change.installation.replace_store("marker")

    with ThreadPoolExecutor() as others:
        with node.database.transaction() as change:
            change.installation.claim_store("unwritten")
        with node.database.transaction() as change:
            change.installation.replace_store("marker")
            assert change.installation.store_marker() == "marker"  # it is sent by now
            waiting = [others.submit(record) for _ in range(3)]
            wait(waiting, timeout=0.5)
        for one in waiting:
            one.result(timeout=60)
    with node.database.reading() as view:
        assert view.installation.store_marker() == "marker"


def test_a_fingerprint_tells_secrets_apart_and_holds_none() -> None:
    assert fingerprint_of(SECRET) != fingerprint_of(OTHER)
    assert SECRET.decode() not in fingerprint_of(SECRET)
    assert len(fingerprint_of(SECRET)) == 32


def test_a_new_secret_gives_each_key_a_new_text_under_its_old_id(node: Node) -> None:
    old = admin_of(node, SECRET)
    admit_secret(node.database, SECRET)
    kept, revoked = old.create("shop", credit=7), old.create("gone")
    old.revoke(revoked.id)
    new = admin_of(node, OTHER)
    [(account, key)] = new.renew_all(fingerprint_of(OTHER))
    assert (account.id, account.credits, key.id) == (kept.id, 7, kept.id)
    admit_secret(node.database, OTHER)
    keyring = Keyring(node.database, SecretHasher(OTHER), lambda: 0.0)
    assert keyring.account(key.text).id == kept.id
    with pytest.raises(Exception, match="API key"):
        keyring.account(kept.text)
