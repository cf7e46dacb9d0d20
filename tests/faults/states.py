"""What of an object is compared between an undisturbed run and one that was taken up again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.health import assess_health
from reconciler.terms import ANNOTATION_OPERATION
from tests.faults.invariants import MADE
from tests.faults.scenarios import Manifest

_DROPPED = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")


def comparable(obj: Manifest, kind: str, collections: Mapping[str, tuple[str, str]]) -> Any:
    """An object without what differs from run to run; ``collections`` has the API of each kind."""
    if kind == "Application":
        return _application_state(obj)
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _DROPPED}
    metadata["name"] = MADE.sub("", metadata["name"])
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k != ANNOTATION_OPERATION}
    health = assess_health({**obj, "apiVersion": collections[kind][0], "kind": kind})
    body = {name: value for name, value in obj.items() if name not in ("metadata", "status", "apiVersion", "kind")}
    if kind == "Job":
        # The rest of it is its controller's and bears its uid.
        body = {"completions": body["spec"].get("completions")}
        metadata.pop("labels", None)
    if kind == "Service":
        body["spec"] = {name: value for name, value in body["spec"].items() if "IP" not in name}
    return {
        **body,
        "metadata": {**metadata, "annotations": {k: MADE.sub("", v) for k, v in annotations.items()}},
        "owners": sorted(_owners(obj)),
        "health": str(health.status) if health else None,
    }


def _application_state(obj: Manifest) -> Any:
    status = obj.get("status") or {}
    return {
        "sync": (status.get("sync") or {}).get("status"),
        "health": (status.get("health") or {}).get("status"),
        "phase": (status.get("operationState") or {}).get("phase"),
        "message": (status.get("operationState") or {}).get("message"),
        "finalizers": obj["metadata"].get("finalizers"),
        "resources": sorted(
            [entry["kind"], entry["name"], entry.get("status"), (entry.get("health") or {}).get("status")]
            for entry in status.get("resources") or ()
        ),
    }


def _owners(obj: Manifest) -> Iterator[str]:
    """Which manager owns which fields, controllers excepted."""
    for entry in obj["metadata"].get("managedFields") or ():
        if entry["manager"] != "kube-controller-manager":
            owned = [entry["manager"], entry["operation"], entry.get("subresource"), entry.get("fieldsV1")]
            yield json.dumps(owned, sort_keys=True)
