"""A Lease as data: what it says of its holder, and the changes that take, renew and release it.

Every change is one JSON patch that tests what it rests on, so that the API server does it whole or not at all, and a
repeated one does no harm (RFC 6902 §5; 422 when a test fails).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.manifest.objects import GroupVersionKind, Manifest, annotations_of, metadata_of
from reconciler.terms import ANNOTATION_OPERATION

LEASE: Final = GroupVersionKind("coordination.k8s.io", "v1", "Lease")
DURATION_S: Final = 15
"""As client-go's leader election has it: how long a holder may be silent before another takes its place."""
ANNOTATION_APPLICATION: Final = "gitops-nb/application"
ANNOTATION_PROCESS: Final = "gitops-nb/process"
ANNOTATION_HEAD: Final = "gitops-nb/history-head"
"""Digest of the newest entry of the history when the lock was last released: a cut tail shows by it."""
ANNOTATION_TERMINATE: Final = "gitops-nb/terminate"
"""Identity of the holder that somebody asks to end its operation."""
LABELS: Final = {"app.kubernetes.io/managed-by": "gitops-nb"}

Operations = list[dict[str, Any]]

# A DNS subdomain, as a Lease's name must be.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME: Final = 253


def lease_name(namespace: str, application: str) -> str:
    """The name of an Application's Lease: readable, or a digest where that would be no name."""
    name = f"gitops-nb.{namespace}.{application}"
    # A namespace has no dot, so that no two Applications share a name, in a shared namespace neither.
    if "." not in namespace and len(name) <= _LONGEST_NAME and _NAME.fullmatch(name):
        return name
    return f"gitops-nb-{hashlib.sha256(f'{namespace}/{application}'.encode()).hexdigest()[:40]}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a holder writes of itself: ``identity`` is unique to one lock of one run."""

    identity: str
    operation_id: str
    process: str
    duration_s: int


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What a Lease says. ``identity`` is empty when it was released; the times are texts of the holder's own clock."""

    version: str
    identity: str
    acquired: str
    renewed: str
    duration_s: int
    annotations: Mapping[str, str]

    @classmethod
    def of(cls, lease: Manifest) -> "LeaseRecord":
        spec = lease.get("spec") or {}
        return cls(
            version=str(metadata_of(lease).get("resourceVersion") or ""),
            identity=str(spec.get("holderIdentity") or ""),
            acquired=str(spec.get("acquireTime") or ""),
            renewed=str(spec.get("renewTime") or ""),
            duration_s=int(spec.get("leaseDurationSeconds") or DURATION_S),
            annotations=dict(annotations_of(lease)),
        )

    @property
    def sign_of_life(self) -> tuple[str, str, str]:
        """What changes when it is taken or renewed."""
        return (self.identity, self.acquired, self.renewed)

    @property
    def operation_id(self) -> str:
        return self.annotations.get(ANNOTATION_OPERATION, "")

    @property
    def process(self) -> str:
        return self.annotations.get(ANNOTATION_PROCESS, "")

    @property
    def head(self) -> str:
        return self.annotations.get(ANNOTATION_HEAD, "")

    @property
    def is_to_end(self) -> bool:
        """Whether the holder is asked to end its operation."""
        return bool(self.identity) and self.annotations.get(ANNOTATION_TERMINATE) == self.identity

    @property
    def holder(self) -> str:
        """Who it is, without what makes the identity unique."""
        return self.identity.rpartition("_")[0] or self.identity


def new_lease(
    name: str, namespace: str, application: str, claim: Claim, now: datetime, owner: Manifest | None
) -> Manifest:
    """A Lease that does not exist yet, held; it is deleted with its owner."""
    annotations = {ANNOTATION_APPLICATION: application, **_annotations(claim)}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "labels": dict(LABELS),
        "annotations": annotations,
    }
    if owner is not None:
        metadata["ownerReferences"] = [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
            }
        ]
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": _spec(claim, now)}


def take_released(claim: Claim, now: datetime) -> Operations:
    """Take a Lease of ours that nobody holds, without having read it."""
    changes = [_set(f"/metadata/annotations/{_escaped(name)}", value) for name, value in _annotations(claim).items()]
    return [_test("/spec/holderIdentity", ""), *changes, *_hold(claim, now)]


def take_over(found: LeaseRecord, claim: Claim, now: datetime) -> Operations:
    """Take a Lease that stands exactly as it was found, whoever holds it."""
    annotations = {**found.annotations, **_annotations(claim)}
    seen = _test("/metadata/resourceVersion", found.version)
    return [seen, _set("/metadata/annotations", annotations), _set("/spec", _spec(claim, now))]


def renew(claim: Claim, now: datetime) -> Operations:
    """Renew a Lease that is still held by the same run."""
    return [_test("/spec/holderIdentity", claim.identity), _set("/spec/renewTime", _micro_time(now))]


def release(claim: Claim, head: str) -> Operations:
    """Give back a Lease that is still held by the same run; ``head`` is left there, unless empty."""
    noted = [_set(f"/metadata/annotations/{_escaped(ANNOTATION_HEAD)}", head)] if head else []
    return [_test("/spec/holderIdentity", claim.identity), _set("/spec/holderIdentity", ""), *noted]


def ask_to_end(found: LeaseRecord) -> Operations:
    """Ask the holder that was found, and no other, to end its operation."""
    asked = _set(f"/metadata/annotations/{_escaped(ANNOTATION_TERMINATE)}", found.identity)
    return [_test("/spec/holderIdentity", found.identity), asked]


def _annotations(claim: Claim) -> dict[str, str]:
    return {ANNOTATION_OPERATION: claim.operation_id, ANNOTATION_PROCESS: claim.process}


def _spec(claim: Claim, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": claim.identity,
        "leaseDurationSeconds": claim.duration_s,
        "acquireTime": _micro_time(now),
        "renewTime": _micro_time(now),
    }


def _hold(claim: Claim, now: datetime) -> Operations:
    return [_set(f"/spec/{name}", value) for name, value in _spec(claim, now).items()]


def _set(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def _test(path: str, value: Any) -> dict[str, Any]:
    return {"op": "test", "path": path, "value": value}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _micro_time(moment: datetime) -> str:
    """As Kubernetes' MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
