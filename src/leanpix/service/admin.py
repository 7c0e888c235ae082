"""Making, listing, revoking and topping up keys."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.account import MAX_NAME, MAX_QPS, MIN_QPS, MOST_CREDITS, Account
from leanpix.domain.errors import InvalidParameterError, NotFoundError, UnlimitedKeyError
from leanpix.service.keys import NewKey, SecretHasher, new_key, renewed_key
from leanpix.service.ports import Clock, Database

OWNER_NAME = "owner"
OWNER_QPS = 50.0


@dataclass(frozen=True, slots=True)
class Admin:
    """The key administration over one database; now gives Unix seconds."""

    database: Database
    hasher: SecretHasher
    now: Clock
    default_qps: float

    def create(
        self, name: str, *, credit: int | None = None, qps: float | None = None, is_admin: bool = False
    ) -> NewKey:
        """Make a key; credit None is unlimited, qps None the default. The secret is in the answer only."""
        if not 1 <= len(name) <= MAX_NAME:
            raise InvalidParameterError("name", name, f"1 to {MAX_NAME} characters")
        if credit is not None and not 0 <= credit <= MOST_CREDITS:
            raise InvalidParameterError("credits", credit, f"an integer from 0 to {MOST_CREDITS}")
        rate = self.default_qps if qps is None else qps
        if not MIN_QPS <= rate <= MAX_QPS:
            raise InvalidParameterError("qps", rate, f"a number from {MIN_QPS:g} to {MAX_QPS:g}")
        key = new_key()
        with self.database.transaction() as change:
            change.accounts.add(Account(key.id, name, rate, credit, is_admin, self.now()), self._hash(key))
        return key

    def ensure_owner(self) -> NewKey | None:
        """Make the owner's key where the store has no key at all; None where it has one."""
        key = new_key()
        with self.database.transaction() as change:
            if change.accounts.any():
                return None
            change.accounts.add(Account(key.id, OWNER_NAME, OWNER_QPS, None, True, self.now()), self._hash(key))
        return key

    def renew_all(self, fingerprint: str) -> list[tuple[Account, NewKey]]:
        """Give every key that is not revoked a new secret, for the installation's own, of this fingerprint, is new.

        Ids, credits and rates stay. One transaction: either all old keys are void, or none is.
        """
        with self.database.transaction() as change:
            renewed = [(one, renewed_key(one.id)) for one in change.accounts.list() if one.revoked_at is None]
            for account, key in renewed:
                change.accounts.rehash(account.id, self._hash(key))
            change.installation.replace_secret(fingerprint)
        return renewed

    def accounts(self, offset: int = 0, limit: int | None = None) -> list[Account]:
        """Keys, oldest first: all of them, or a page."""
        with self.database.reading() as view:
            return view.accounts.list(offset, limit)

    def revoke(self, key_id: str) -> None:
        """Refuse the key from now on; NotFoundError for an unknown id."""
        with self.database.transaction() as change:
            if not change.accounts.revoke(key_id, self.now()):
                raise NotFoundError(f"there is no key {key_id!r}")

    def topup(self, key_id: str, credit: int) -> None:
        """Add credits; NotFoundError for an unknown id, UnlimitedKeyError for a key without a limit."""
        if not 1 <= credit <= MOST_CREDITS:
            raise InvalidParameterError("credits", credit, f"an integer from 1 to {MOST_CREDITS}")
        with self.database.transaction() as change:
            if change.accounts.topup(key_id, credit, self.now()):
                return
            if change.accounts.get(key_id) is None:
                raise NotFoundError(f"there is no key {key_id!r}")
        raise UnlimitedKeyError(f"the key {key_id!r} has unlimited credits: there is nothing to add to")

    def _hash(self, key: NewKey) -> bytes:
        return self.hasher.hash(key.secret)
