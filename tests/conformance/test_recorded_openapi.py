"""What the sandbox cluster serves as OpenAPI and discovery is what a real API server says."""

import gzip
import json
from pathlib import Path

import pytest

from tests import left_out
from tests.conformance.client import Client
from tests.tools.record_openapi import GROUP_VERSIONS, INTO, record

pytestmark = pytest.mark.controlplane


def test_the_recorded_documents_are_current(controlplane: Path) -> None:
    client = Client(controlplane)
    recorded = {path.name: json.loads(gzip.decompress(path.read_bytes())) for path in INTO.glob("*.json.gz")}
    assert len(recorded) == len(GROUP_VERSIONS) + 1
    version = client.get("/version").expect()["gitVersion"]
    if recorded["discovery.json.gz"]["version"]["gitVersion"] != version:
        left_out.leave_out(f"the cluster is {version}; the documents were recorded from another version")
    for name, document in record(client):
        if name == "discovery.json.gz":
            document = document | {"version": recorded[name]["version"]}
        assert recorded[name] == document, f"{name}: run python -m tests.tools.record_openapi"
