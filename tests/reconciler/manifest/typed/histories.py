"""Random histories of several managers on one object, played on a cluster and predicted beside it.

A step is one request that is carried out; before and after it, others are tried as dry runs. Each answer is compared
with what was predicted from the object as it was before.
"""

import copy
import json
import random
from dataclasses import dataclass, field
from typing import Any

from reconciler.manifest import OpenApi
from reconciler.terms import ANNOTATION_LAST_APPLIED
from tests.conformance.client import MERGE_PATCH, Answer, Client
from tests.reconciler.manifest.typed.judging import APPLIES, LONG_AGO, Case, Tally
from tests.reconciler.manifest.typed.parts import OWNERS, Subject

MANAGERS = ("ann", "bob", "cid", "kubectl")
CROWD = tuple(f"m{number}" for number in range(14))
ACTIONS = {
    "apply": 5,
    "force": 4,
    "put": 2,
    "patch": 2,
    "status": 1,
    "backdate": 1,
    "reset": 1,
    "apply-status": 1,
    "scale": 1,
    "wrong": 1,
}
_WRITES = ("put", "patch", "status", "backdate", "reset", "scale")
_RETRIES = 20


@dataclass(frozen=True)
class Stage:
    """The cluster that histories are played on."""

    client: Client
    openapi: OpenApi
    namespace: str
    #: Of the objects that owner references name; without them the garbage collector would interfere.
    uids: dict[str, str]


def make_owners(client: Client, namespace: str) -> dict[str, str]:
    """The uids of the objects that owner references name."""
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in OWNERS:
        client.create(collection, {"metadata": {"name": name}})
    return {name: client.get(f"{collection}/{name}").expect(200)["metadata"]["uid"] for name in OWNERS}


def play(stage: Stage, subject: Subject, seed: int, *, steps: int = 7, tries: int = 0) -> Tally:
    """Play one history, and delete the object in the end.

    Parameters
    ----------
    tries
        Dry runs before each step and after the last.
    """
    history = _History(stage, subject, seed)
    try:
        for step in range(steps):
            for attempt in range(tries):
                history.request(f"step {step} try {attempt}", dry_run=True)
            history.request(f"step {step}", dry_run=False)
        for attempt in range(tries):
            history.request(f"step {steps} try {attempt}", dry_run=True)
    finally:
        history.delete()
    return history.tally


@dataclass(frozen=True)
class _Request:
    action: str
    manager: str
    subresource: str
    body: dict[str, Any]


@dataclass
class _History:
    stage: Stage
    subject: Subject
    seed: int
    live: dict[str, Any] | None = None
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.subject.kind} {self.seed}")
        self.name = f"h{self.seed}" if self.subject.namespaced else f"{self.stage.namespace}-h{self.seed}"
        # Of more than ten updaters the oldest are merged.
        self.crowded = self.seed % 10 == 7 and not self.subject.only_applies
        self.version = self.subject

    def path(self) -> str:
        return f"{self.version.collection(self.stage.namespace)}/{self.name}"

    def request(self, label: str, *, dry_run: bool) -> None:
        """One random request, repeated when a controller writes at the same time."""
        self._choose_version()
        part = self.version.build(self.rng)
        status = self.version.status(self.rng) if self.version.status is not None else {}
        action, manager = self._action(status, dry_run=dry_run), self.rng.choice(CROWD if self.crowded else MANAGERS)
        template = self._body(part, status, action)
        for _ in range(_RETRIES):
            request = self._made(action, manager, template, status)
            answer, after = self._send(request, dry_run=dry_run)
            if after is not None and self.live is not None and self._has_moved(answer, after):
                self.live = self.stage.client.get(self.path()).expect(200)
                continue
            if after is None:
                # A controller wrote between the request and the look at its outcome.
                self.live = self.stage.client.get(self.path()).expect(200)
                return
            name = f"{self.subject.kind} seed {self.seed} {label} {action} {manager}"
            case = Case(
                name,
                self.live,
                request.action,
                manager,
                request.subresource,
                request.body,
                answer.status,
                after,
            )
            self.tally.add(case, self.stage.openapi)
            if answer.ok and not dry_run:
                self.live = after
            return
        raise AssertionError(f"{label}: the object never rests")

    def delete(self) -> None:
        if self.live is not None:
            self.stage.client.patch(self.path(), {"metadata": {"finalizers": None}})
            self.stage.client.delete(self.path())

    def _choose_version(self) -> None:
        if not self.subject.siblings:
            return
        before = self.version
        self.version = self.rng.choice((self.subject, *self.subject.siblings))
        if self.live is not None and self.version is not before:
            self.live = self.stage.client.get(self.path()).expect(200)

    def _action(self, status: dict[str, Any], *, dry_run: bool) -> str:
        (action,) = self.rng.choices(list(ACTIONS), list(ACTIONS.values()))
        if self.subject.only_applies and action in (*_WRITES, "apply-status"):
            return "force"
        if self.crowded and action in ("apply", "force", "reset"):
            return "patch"
        if self.live is None and action in ("status", "backdate", "reset", "scale", "apply-status"):
            return "put"
        if action == "scale" and (dry_run or not self.subject.scalable):
            return "patch"
        return "apply" if action in ("status", "apply-status") and not status else action

    def _body(self, part: dict[str, Any], status: dict[str, Any], action: str) -> dict[str, Any]:
        for reference in part["metadata"].get("ownerReferences") or ():
            reference["uid"] = self.stage.uids[reference["name"]]
        body = {"apiVersion": self.version.api_version, "kind": self.subject.kind, **part}
        body["metadata"] = {"name": self.name, **part["metadata"]}
        if action == "wrong":
            _spoil(self.rng, body)
        elif self.rng.random() < 0.1 and action in ("put", "patch"):
            body["metadata"]["annotations"] = {ANNOTATION_LAST_APPLIED: json.dumps(body)}
        if self.rng.random() < 0.2 and status and action not in ("status", "apply-status"):
            body["status"] = status
        return body

    def _made(self, action: str, manager: str, body: dict[str, Any], status: dict[str, Any]) -> _Request:
        """The request against the object as it is now."""
        version: dict[str, Any] = {}
        if self.live is not None:
            version = {"resourceVersion": self.live["metadata"]["resourceVersion"]}
        body = {**body, "metadata": {**body["metadata"], **version}}
        if action == "status":
            return _Request(action, manager, "status", {"metadata": version, "status": status})
        if action == "apply-status":
            return _Request(action, manager, "status", {**body, "status": status})
        if action == "scale":
            return _Request(action, manager, "scale", {"metadata": version, "spec": {"replicas": len(manager)}})
        if action in ("reset", "backdate"):
            body = copy.deepcopy(self.live or body)
            if action == "reset":
                body["metadata"]["managedFields"] = []
            for entry in body["metadata"].get("managedFields") or ():
                entry["time"] = LONG_AGO
        return _Request("force" if action == "wrong" else action, manager, "", body)

    def _send(self, request: _Request, *, dry_run: bool) -> tuple[Answer, dict[str, Any] | None]:
        """The answer and the object after; None where that is another writer's."""
        client, action, body = self.stage.client, request.action, request.body
        query: dict[str, Any] = {"dryRun": "All"} if dry_run else {}
        path = self.path() + (f"/{request.subresource}" if request.subresource else "")
        if action in APPLIES:
            answer = client.apply(path, body, request.manager, force=str(action == "force").lower(), **query)
            return answer, answer.body
        query["fieldManager"] = request.manager
        if self.live is None:
            answer = client.create(self.version.collection(self.stage.namespace), body, **query)
        elif action in ("put", "reset", "backdate"):
            answer = client.update(path, body, **query)
        else:
            answer = client.patch(path, body, MERGE_PATCH, **query)
        if action != "scale" or not answer.ok:
            return answer, answer.body
        # The answer is a Scale, which tells the version of the object that the request left.
        seen = client.get(self.path())
        moved = seen.body["metadata"]["resourceVersion"] != answer.body["metadata"]["resourceVersion"]
        return answer, None if moved else seen.body

    def _has_moved(self, answer: Answer, after: dict[str, Any]) -> bool:
        """Whether another writer was faster, so that nothing was written and what was answered says nothing."""
        if answer.status != 409 or self.live is None:
            return False
        if "has been modified" in str(after.get("message", "")):
            return True
        current = self.stage.client.get(self.path()).expect(200)
        return bool(current["metadata"]["resourceVersion"] != self.live["metadata"]["resourceVersion"])


def _spoil(rng: random.Random, body: dict[str, Any]) -> None:
    """Make the object one that does not fit its schema."""
    where = rng.choice([body, body["metadata"], body.get("spec") or body["metadata"]])
    where.update(
        rng.choice(
            [
                {"bogus": 1},
                {"finalizers": ["a.b/c", "a.b/c"]},
                {"labels": "text"},
                {"ports": [{"port": 1}, {"port": 1}]},
                {"annotations": {"x": 1}},
                {"ownerReferences": [None]},
            ]
        )
    )
