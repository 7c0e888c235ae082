"""The file store of a node that may use it only while it is proven to be its database's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from leanpix.service.forwarded_blobs import ForwardedBlobs
from leanpix.service.pairing import Pairing
from leanpix.service.ports import Blobs


@dataclass(frozen=True, slots=True)
class PairedBlobs(ForwardedBlobs):
    """The store's own answers; StoreUnavailableError to everything while the node may take no work."""

    pairing: Pairing

    def open(self, key: str) -> BinaryIO | None:
        """The content as an open file, or None: that is said only where the store is still the right one."""
        found = self.store().open(key)
        if found is None:
            self.pairing.look()
            self.pairing.require()
        return found

    def discard(self, key: str) -> None:
        """Remove a blob behind the caller's back, where that may be."""
        if self.pairing.may_work:
            self.blobs.discard(key)

    def store(self) -> Blobs:
        """The store, once it is proven."""
        self.pairing.require()
        return self.blobs
