"""Watches: the events of a resource from a resourceVersion on, as a client selects them.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.selectors import Predicate
from reconciler.sandbox.status import StatusError
from reconciler.sandbox.store import Event, GroupResource, Store

INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
Shape = Callable[[Manifest], Any]


class Watch:
    """Events waiting to be sent. ``wake`` is called whenever there are new ones; `close` ends the subscription.

    Parameters
    ----------
    namespace:
        Empty for all namespaces.
    shape:
        Turns a stored object into what the client asked for.
    """

    def __init__(
        self,
        store: Store,
        resource: GroupResource,
        *,
        namespace: str,
        selected: Predicate,
        shape: Shape,
        bookmarks: bool,
    ) -> None:
        self._store = store
        self._resource = resource
        self._namespace = namespace
        self._selected = selected
        self._shape = shape
        self._pending: deque[Manifest] = deque()
        self._unsubscribe: Callable[[], None] | None = None
        self.bookmarks = bookmarks
        self.wake: Callable[[], None] = lambda: None
        self.ended = False

    def start(self, revision: int | None, *, initial: bool, template: Mapping[str, Any], announce_end: bool) -> None:
        """Queue what the client has not seen, and follow the store from here.

        Parameters
        ----------
        revision:
            The last one that the client has seen; None for the present state.
        initial:
            Whether to send the present objects first.
        template:
            Kind and apiVersion of bookmarks.
        announce_end:
            Whether a bookmark marks the end of the present objects.
        """
        self._template = template
        if initial:
            for obj in self._store.objects(self._resource, self._namespace):
                if self._selected(obj):
                    self._pending.append({"type": "ADDED", "object": self._shape(obj)})
            if announce_end:
                self._pending.append(self._bookmark({INITIAL_EVENTS_END: "true"}))
        elif revision is not None:
            try:
                missed = self._store.events_since(self._resource, revision)
            except StatusError as error:
                self._pending.append({"type": "ERROR", "object": error.body()})
                self.ended = True
                return
            for event in missed:
                self._on_event(event)
        self._unsubscribe = self._store.subscribe(self._on_event)

    def drain(self) -> list[Manifest]:
        """The events that wait, in order; they are then no longer waiting."""
        events = list(self._pending)
        self._pending.clear()
        return events

    def add_bookmark(self) -> None:
        """Queue a bookmark at the present revision, where the client asked for such."""
        if self.bookmarks and not self.ended:
            self._pending.append(self._bookmark({}))

    def end(self) -> None:
        """Let the stream end after what is pending."""
        self.ended = True
        self.wake()

    def close(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _bookmark(self, annotations: Mapping[str, str]) -> Manifest:
        metadata: Manifest = {"resourceVersion": str(self._store.revision)}
        if annotations:
            metadata["annotations"] = dict(annotations)
        return {"type": "BOOKMARK", "object": {**self._template, "metadata": metadata}}

    def _on_event(self, event: Event) -> None:
        if event.resource != self._resource or (self._namespace and event.name.namespace != self._namespace):
            return
        now = event.type != "DELETED" and self._selected(event.object)
        before = event.before is not None and self._selected(event.before)
        if not now and not before:
            return
        kind = "MODIFIED" if now and before else "ADDED" if now else "DELETED"
        obj = event.object
        if kind == "DELETED" and event.type != "DELETED" and event.before is not None:
            # An object that is no longer selected is told as it was, at the revision of the change.
            metadata = {**event.before["metadata"], "resourceVersion": str(event.revision)}
            obj = {**event.before, "metadata": metadata}
        self._pending.append({"type": kind, "object": self._shape(obj)})
        self.wake()
