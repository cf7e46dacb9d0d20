"""Fault switches: what goes wrong with which request, and the log of what was asked and answered; off until somebody sets one.

A fault is set from the thread of the one who disturbs and met in the server's own, between two requests.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from reconciler.sandbox.api import Answer, request_verb
from reconciler.sandbox.messages import Request, Response, parse_route
from reconciler.sandbox.status import StatusError, expired

ALWAYS: Final = 1_000_000_000
STORAGE_FULL: Final = "etcdserver: mvcc: database space exceeded"
_READS: Final = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with a status instead of doing it. ``retry_after_s`` is told to the client."""

    status: int
    message: str = "the sandbox was told to refuse this"
    reason: str = ""
    retry_after_s: int | None = None

    def response(self) -> Response:
        error = StatusError(self.status, self.reason or "InternalError", self.message)
        headers = () if self.retry_after_s is None else (("Retry-After", str(self.retry_after_s)),)
        return Response(self.status, error.body(), headers=headers)


@dataclass(frozen=True, slots=True)
class Delay:
    """Begin so many seconds later; a watch tells each of its events so much later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Cut the connection: before anything is done, or when it is done and only the answer is missing (``committed``)."""

    committed: bool = False


@dataclass(frozen=True, slots=True)
class Lag:
    """Answer a list as it was so many versions ago."""

    versions: int


@dataclass(frozen=True, slots=True)
class Cut:
    """End a watch after so many events: cut, or ``silent``, which leaves it open."""

    after: int = 0
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Expire:
    """End a watch after so many events with the ERROR event of a version that is too old (410)."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Repeat:
    """Tell every event of a watch several times."""

    times: int = 2


@dataclass(frozen=True, slots=True)
class Stale:
    """Tell of a group in discovery as of one whose API server does not answer; with ``kinds`` of those that it last had.

    Source: Kubernetes, staging/src/k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go.
    """

    group: str
    kinds: bool = False

    def of(self, answer: Answer) -> Answer:
        """The discovery that is told instead of this one."""
        if not isinstance(answer, Response) or not isinstance(answer.content, Mapping):
            return answer
        items = [self._told(entry) for entry in answer.content.get("items") or ()]
        return replace(answer, content={**answer.content, "items": items})

    def _told(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        if entry["metadata"].get("name") != self.group:
            return entry
        left: dict[str, Any] = {} if self.kinds else {"resources": []}
        return {**entry, "versions": [{**version, **left, "freshness": "Stale"} for version in entry["versions"]]}


Effect = Refuse | Delay | Reset | Lag | Cut | Expire | Repeat | Stale


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the ``at``-th request that fits and to the ``times - 1`` after it.

    ``verb`` is Kubernetes' own (get, list, watch, create, update, patch, delete) or ``write``; ``resource`` the plural with
    its sub-resource, as ``configmaps`` and ``applications/status``; empty fits all. ``having`` is a query parameter that must
    be there, as ``continue``. Writes fit by whether they are dry-runs.
    """

    effect: Effect
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    having: str = ""
    dry_run: bool = False
    at: int = 1
    times: int = 1


@dataclass(frozen=True, slots=True)
class Logged:
    """One request and its answer. ``revision`` is the store's after it; ``status`` 0 where there was no answer."""

    number: int
    verb: str
    resource: str
    namespace: str
    name: str
    dry_run: bool
    agent: str
    status: int
    revision: int

    @property
    def is_write(self) -> bool:
        return self.verb not in _READS and not self.dry_run


class Clock(Protocol):
    """The number of the last change."""

    revision: int


class Faults:
    """The faults of one cluster that are set, and its request log while that is on."""

    def __init__(self, store: Clock) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._set: list[Fault] = []
        self._met: list[int] = []
        self._log: list[Logged] | None = None

    def set(self, *faults: Fault) -> None:
        """Set these instead of those that are set; none clears all. Counting begins anew."""
        with self._lock:
            self._set, self._met = list(faults), [0] * len(faults)

    def met(self) -> list[int]:
        """How many requests have fitted each fault that is set, those before its ``at`` included."""
        with self._lock:
            return list(self._met)

    def record(self) -> None:
        """Begin an empty request log."""
        with self._lock:
            self._log = []

    def requests(self) -> list[Logged]:
        """The log so far."""
        with self._lock:
            return list(self._log or ())

    @property
    def idle(self) -> bool:
        """Whether nothing is set and nothing logged."""
        return not self._set and self._log is None

    def effect_on(self, asked: Logged, query: Mapping[str, str]) -> Effect | None:
        """What happens to a request; the first fault that fits and is due counts."""
        found: Effect | None = None
        with self._lock:
            for index, fault in enumerate(self._set):
                if not _fits(fault, asked, query):
                    continue
                self._met[index] += 1
                if found is None and fault.at <= self._met[index] < fault.at + fault.times:
                    found = fault.effect
        return found

    def note(self, asked: Logged, answer: Answer | None) -> None:
        """Log a request with its answer; None for one that got none, and 200 for a watch."""
        status = answer.status if isinstance(answer, Response) else 0 if answer is None else 200
        with self._lock:
            if self._log is not None:
                noted = replace(asked, number=len(self._log) + 1, status=status, revision=self._store.revision)
                self._log.append(noted)


class Disturbance:
    """What a fault makes of one watch's events."""

    def __init__(self, effect: Effect | None) -> None:
        self._effect = effect
        self._left = effect.after if isinstance(effect, Cut | Expire) else 0
        self.delay_s = effect.seconds if isinstance(effect, Delay) else 0.0
        self.cuts = False
        self.ends = False

    def of(self, events: list[Any]) -> list[Any]:
        """The events to send of those that came."""
        effect = self._effect
        if isinstance(effect, Repeat):
            return [event for event in events for _ in range(effect.times)]
        if not isinstance(effect, Cut | Expire):
            return events
        sent, self._left = events[: self._left], max(self._left - len(events), 0)
        if not self._left and not (isinstance(effect, Cut) and effect.silent):
            self.ends, self.cuts = True, isinstance(effect, Cut)
            if isinstance(effect, Expire):
                sent.append({"type": "ERROR", "object": expired("too old resource version: 1 (2)").body()})
        return sent


def asked_of(request: Request) -> Logged:
    """What a request asks for; of what is no resource only the path, as the name."""
    route = parse_route(request.path)
    agent = request.headers.get("user-agent", "")
    if route is None or not route.plural:
        return Logged(0, request.method.lower(), "", "", request.path, False, agent, 0, 0)
    try:
        verb = request_verb(request, route)
    except StatusError:
        verb = request.method.lower()
    resource = f"{route.plural}/{route.subresource}" if route.subresource else route.plural
    # Deletions say it in their body.
    dry_run = "dryRun" in request.query or (request.method == "DELETE" and b'"dryRun"' in request.body)
    return Logged(0, verb, resource, route.namespace, route.name, dry_run, agent, 0, 0)


def lagging(request: Request, versions: int, revision: int) -> Request:
    """The list that was asked for, as of some versions ago."""
    then = {"resourceVersion": str(max(revision - versions, 1)), "resourceVersionMatch": "Exact"}
    return replace(request, query={**request.query, **then})


def _fits(fault: Fault, asked: Logged, query: Mapping[str, str]) -> bool:
    write = asked.verb not in _READS
    verb = fault.verb in ("", asked.verb) or (fault.verb == "write" and write)
    return (
        verb
        and fault.resource in ("", asked.resource)
        and fault.namespace in ("", asked.namespace)
        and fault.name in ("", asked.name)
        and (not fault.having or fault.having in query)
        and (not write or fault.dry_run == asked.dry_run)
    )
