"""What is set aside before target and live are compared (gitops-engine/pkg/diff/diff.go, normalization)."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest, is_secret
from reconciler.terms import ANNOTATION_LAST_APPLIED

SERVER_METADATA: Final = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"}
    | {"deletionGracePeriodSeconds"}
)
_RBAC: Final = "rbac.authorization.k8s.io/"


def normalize_target(target: Mapping[str, Any]) -> Manifest:
    """The target as an API server would keep it: no server-set metadata, ``stringData`` folded into ``data``.

    Empty rules of an aggregated ClusterRole are left to the controller that fills them in.
    """
    result: Manifest = dict(target)
    metadata = result.get("metadata")
    if isinstance(metadata, Mapping):
        result["metadata"] = {name: value for name, value in metadata.items() if name not in SERVER_METADATA}
    given, data = result.get("stringData"), result.get("data") or {}
    if is_secret(result) and isinstance(given, Mapping) and isinstance(data, Mapping):
        # What is no text stays, for the schema to refuse it.
        rest = {name: value for name, value in given.items() if not isinstance(value, str)}
        encoded = {name: _base64(value) for name, value in given.items() if isinstance(value, str)}
        result = {name: value for name, value in result.items() if name != "stringData"}
        result["data"] = {**data, **encoded}
        if rest:
            result["stringData"] = rest
    if is_aggregated(result) and not result.get("rules"):
        result.pop("rules", None)
    return result


def is_aggregated(obj: Mapping[str, Any]) -> bool:
    """Whether a controller writes the rules of this ClusterRole."""
    return bool(
        obj.get("kind") == "ClusterRole"
        and str(obj.get("apiVersion", "")).startswith(_RBAC)
        and obj.get("aggregationRule")
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def comparable(obj: Mapping[str, Any], *, keep_status: bool = False) -> Manifest:
    """What of an object takes part in a comparison: no status, no metadata that only the server sets."""
    result: Manifest = {name: value for name, value in obj.items() if name != "status" or keep_status}
    metadata = result.get("metadata")
    if isinstance(metadata, Mapping):
        kept = {name: value for name, value in metadata.items() if name not in SERVER_METADATA}
        annotations = kept.get("annotations")
        if isinstance(annotations, Mapping) and ANNOTATION_LAST_APPLIED in annotations:
            kept["annotations"] = {
                name: value for name, value in annotations.items() if name != ANNOTATION_LAST_APPLIED
            }
        result["metadata"] = kept
    if (
        result.get("kind") == "Endpoints"
        and result.get("apiVersion") == "v1"
        and isinstance(result.get("subsets"), list)
    ):
        result["subsets"] = _repacked(result["subsets"])
    return result


def _repacked(subsets: list[Any]) -> list[Any]:
    """Subsets of Endpoints in one order, addresses of the same ports together, as the server stores them in an order of its own.

    Source: k8s.io/kubernetes/pkg/api/v1/endpoints/util.go (RepackSubsets).
    """
    ports_of: dict[tuple[str, bool], dict[str, Any]] = {}
    for subset in subsets:
        if not isinstance(subset, Mapping):
            return subsets
        ports = {
            json.dumps(port, sort_keys=True): port
            for port in ({"protocol": "TCP", **port} for port in subset.get("ports") or () if isinstance(port, Mapping))
        }
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in subset.get(field) or ():
                ports_of.setdefault((json.dumps(address, sort_keys=True), ready), {}).update(ports)
    packed: dict[tuple[str, ...], dict[str, Any]] = {}
    for (text, ready), ports in sorted(ports_of.items()):
        subset = packed.setdefault(tuple(sorted(ports)), {"ports": [ports[each] for each in sorted(ports)]})
        subset.setdefault("addresses" if ready else "notReadyAddresses", []).append(json.loads(text))
    return [packed[each] for each in sorted(packed)]
