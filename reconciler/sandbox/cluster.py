"""The state of one sandbox cluster: objects, kinds, documents, ownership, the clock and the source of names."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.allocation import Allocations
from reconciler.sandbox.documents import Documents, load_discovery
from reconciler.sandbox.ownership import Ownership
from reconciler.sandbox.resources import Catalog
from reconciler.sandbox.store import HISTORY_EVENTS, GroupResource, Store

# Without vowels and look-alikes, as the API server's own name generator.
_SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
NAMESPACES: Final = GroupResource("", "namespaces")
CRDS: Final = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Cluster:
    """Everything the request handlers and controllers share.

    Parameters
    ----------
    clock:
        The present time, with a time zone.
    seed:
        Makes uids and generated names repeatable; random when None.
    history:
        How many events watches can resume from.
    """

    def __init__(
        self, *, clock: Callable[[], datetime] = utc_now, seed: int | None = None, history: int = HISTORY_EVENTS
    ) -> None:
        self.clock = clock
        self.store = Store(history)
        self.catalog = Catalog()
        self.documents = Documents()
        self.ownership = Ownership(self.documents)
        self.allocations = Allocations(self.store)
        # Names, not secrets: repeatable runs need a seeded generator.
        self._random = Random(seed)  # noqa: S311
        discovery = load_discovery()
        self.version: Manifest = discovery["version"]
        self.catalog.add_discovery(discovery["api"])
        self.catalog.add_discovery(discovery["apis"])

    def uid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """Random characters as ``generateName`` appends them."""
        return "".join(self._random.choices(_SUFFIX_ALPHABET, k=length))

    def timestamp(self) -> str:
        """The present time to the second, as objects carry it."""
        return format_time(self.clock())


def format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
