"""Live objects held by watches, for a process that stays: what it wrote itself it always sees."""

import threading
from collections.abc import Iterable, Mapping, Sequence

from reconciler.cluster import ApiResource, Connection
from reconciler.cluster.connection import WRITES
from reconciler.cluster.live_state import LiveState, Place
from reconciler.cluster.raw import RawListing
from reconciler.engine.listing import WHOLE_CLUSTER, Listed
from reconciler.engine.views import Wanted
from reconciler.errors import ForbiddenError


class Followed:
    """Lists each kind once and watches it from then on, until `close`.

    After a write of our own the places that are asked for are listed once more, and the watches awaited: an answer is never
    older than what this process did before. What others do is seen when the watch tells of it. What cannot be watched is
    listed at every question.
    """

    def __init__(self, connection: Connection) -> None:
        self.state = LiveState(connection)
        self._listed = Listed(connection)
        self._lock = threading.Lock()
        self._namespaces: dict[ApiResource, set[str]] = {}
        self._refused: set[Place] = set()
        self._current: dict[Wanted, int] = {}

    def listings(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, RawListing]:
        """The objects of each kind and namespace, as the watches have told them."""
        count = WRITES.count
        held = set(self.state.places)
        followed = self._follow(wanted)
        found: dict[Wanted, RawListing] = {}
        stale = [
            (resource, namespace)
            for resource, namespace in followed
            # What was not held is listed for the first time just now.
            if not held.isdisjoint(((resource, namespace), (resource, "")))
            and self._current.get((resource, namespace)) != count
        ]
        if stale:
            # Made after the writes, so that whatever they changed is in it.
            newest = self._listed.listings(stale)
            unseen = self.state.catch_up(newest.values())
            found.update(((listing.resource, listing.namespace), listing) for listing in unseen)
        for listing in self.state.listings(pair for pair in followed if pair not in found):
            if listing.error is None:
                found[listing.resource, listing.namespace] = listing
                self._current[listing.resource, listing.namespace] = count
            else:
                self._note(listing)
        found.update(self._listed.listings([pair for pair in wanted if pair not in found]))
        return found

    def forget(self, resources: Iterable[ApiResource]) -> None:
        """List and watch these kinds anew: the API server may show their objects otherwise than it did."""
        changed = set(resources)
        self.state.drop([place for place in self.state.places if place[0] in changed])

    def close(self) -> None:
        """End all watches."""
        self.state.close()

    def _follow(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Begin to follow what is wanted and may be: those pairs."""
        with self._lock:
            for resource, namespace in wanted:
                self._namespaces.setdefault(resource, set()).add(namespace)
            whole = {
                (resource, "")
                for resource in {resource for resource, _ in wanted}
                if len(self._namespaces[resource]) >= WHOLE_CLUSTER and (resource, "") not in self._refused
            }
        for listing in self.state.listings(whole):
            if isinstance(listing.error, ForbiddenError):
                self._note(listing)
                whole.discard((listing.resource, ""))
        kinds = {resource for resource, _ in whole}
        self.state.drop([place for place in self.state.places if place[1] and place[0] in kinds])
        return [pair for pair in wanted if pair[0] in kinds or pair not in self._refused]

    def _note(self, listing: RawListing) -> None:
        """Do not ask again and again for what is refused."""
        if isinstance(listing.error, ForbiddenError):
            self._refused.add((listing.resource, listing.namespace))
            self.state.drop([(listing.resource, listing.namespace)])
