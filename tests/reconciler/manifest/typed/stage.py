"""A place on a cluster to play histories on: a namespace, the custom resources' definitions, and the schemas."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from reconciler.manifest import OpenApi
from tests.conformance.client import Client
from tests.reconciler.manifest.typed.built_in import subjects
from tests.reconciler.manifest.typed.custom import gadget_crd, widget_crd
from tests.reconciler.manifest.typed.histories import Stage, make_owners
from tests.reconciler.manifest.typed.parts import Subject

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_POLL_S = 0.05
_POLLS = 400


@contextmanager
def staged(kubeconfig: Path) -> Iterator[tuple[Stage, dict[str, Subject]]]:
    """A stage of one's own with the kinds to play, removed afterwards."""
    suffix = uuid.uuid4().hex[:10]
    group, namespace = f"t{suffix}.example.com", f"typed-{suffix}"
    definitions = [widget_crd(group), gadget_crd(group)]
    with closing(Client(kubeconfig)) as client:
        client.create("/api/v1/namespaces", {"metadata": {"name": namespace}}).expect(201)
        try:
            for definition in definitions:
                client.create(CRDS, definition).expect(201)
            for definition in definitions:
                client.wait_for(CRDS, definition["metadata"]["name"], _is_established)
            kinds = subjects(group)
            client.wait_for(f"/api/v1/namespaces/{namespace}/serviceaccounts", "default", lambda account: True)
            yield Stage(client, _openapi(client, kinds), namespace, make_owners(client, namespace)), kinds
        finally:
            client.delete(f"/api/v1/namespaces/{namespace}")
            for definition in definitions:
                client.delete(f"{CRDS}/{definition['metadata']['name']}")


def _is_established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


def _openapi(client: Client, kinds: dict[str, Subject]) -> OpenApi:
    wanted: dict[str, set[str]] = {}
    for subject in kinds.values():
        for each in (subject, *subject.siblings):
            path = f"apis/{each.api_version}" if "/" in each.api_version else f"api/{each.api_version}"
            wanted.setdefault(path, set()).add(each.kind)
    return OpenApi({path: _document(client, path, names) for path, names in wanted.items()})


def _document(client: Client, path: str, kinds: set[str]) -> dict[str, Any]:
    """An OpenAPI document; that of a new custom resource is published a moment after it is established."""
    pause = threading.Event()
    for _ in range(_POLLS):
        answer = client.get(f"/openapi/v3/{path}")
        if answer.ok and kinds <= _kinds_of(answer.body):
            return dict(answer.body)
        pause.wait(_POLL_S)
    raise AssertionError(f"{path} is not published")


def _kinds_of(document: dict[str, Any]) -> set[str]:
    nodes = (document.get("components") or {}).get("schemas") or {}
    return {gvk["kind"] for node in nodes.values() for gvk in node.get("x-kubernetes-group-version-kind") or ()}
