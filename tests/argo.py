"""Argo CD's definitions and namespace on a test cluster."""

from reconciler.model.crds import argo_crds
from tests.conformance.client import Client

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def install_argo(client: Client) -> None:
    """Install what is missing; several tests may do so at once."""
    for definition in argo_crds():
        assert client.create(DEFINITIONS, definition).status in (201, 409)
    assert client.create("/api/v1/namespaces", {"metadata": {"name": "argocd"}}).status in (201, 409)
    for definition in argo_crds():
        client.wait_for(DEFINITIONS, definition["metadata"]["name"], is_established)


def is_established(definition: dict[str, object]) -> bool:
    status = definition.get("status")
    # Null at first.
    conditions = (status.get("conditions") if isinstance(status, dict) else None) or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)
