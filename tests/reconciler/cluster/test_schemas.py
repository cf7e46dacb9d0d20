"""The cluster's documents: fetched once, and right also where they change while they are fetched."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster.schemas import SchemaCache
from reconciler.errors import ClusterError
from reconciler.manifest.objects import GroupVersionKind
from tests.reconciler.cluster.servers import Answer, Query, failure, serving, text

GADGET = GroupVersionKind("example.com", "v1", "Gadget")
PATH = "apis/example.com/v1"


def document(field: str) -> dict[str, Any]:
    kind = {"group": GADGET.group, "version": GADGET.version, "kind": GADGET.kind}
    schema = {"type": "object", "properties": {field: {"type": "string"}}, "x-kubernetes-group-version-kind": [kind]}
    return {"openapi": "3.0.0", "paths": {}, "components": {"schemas": {"com.example.v1.Gadget": schema}}}


def index(digest: str) -> Answer:
    return Answer(lines=[text({"paths": {PATH: {"serverRelativeURL": f"/openapi/v3/{PATH}?hash={digest}"}}})])


def fields(cache: SchemaCache) -> set[str]:
    schema = cache.load([PATH]).schema(GADGET)
    assert schema is not None
    return set(schema.fields)


def test_a_document_that_changed_since_the_index_was_read_is_taken_as_it_is_now(tmp_path: Path) -> None:
    """The API server sends an outdated hash on to the present one."""
    present = ["new"]

    def script(path: str, query: Query) -> Answer:
        if path == "/openapi/v3":
            return index("old" if present == ["new"] else present[0])
        if query.get("hash", present[0]) == present[0]:
            return Answer(lines=[text(document(present[0]))])
        return Answer(301, headers={"Location": f"/openapi/v3/{PATH}?hash={present[0]}"})

    with serving(script) as (connection, seen):
        cache = SchemaCache(connection, directory=tmp_path)
        assert fields(cache) == {"new"}
        # It is not kept under the hash of another.
        assert list(tmp_path.iterdir()) == []
        present[0] = "newer"
        cache.forget()
        assert fields(cache) == {"newer"}
        assert len(list(tmp_path.iterdir())) == 1
        assert fields(SchemaCache(connection, directory=tmp_path)) == {"newer"}
    assert [entry.query.get("hash") for entry in seen if entry.path.endswith(PATH)] == ["old", None, "newer"]


def test_a_document_that_is_refused_says_why(tmp_path: Path) -> None:
    def script(path: str, _query: Query) -> Answer:
        return index("one") if path == "/openapi/v3" else failure(500, "the documents are being aggregated")

    with (
        serving(script) as (connection, _seen),
        pytest.raises(ClusterError, match=r"^the documents are being aggregated$"),
    ):
        SchemaCache(connection, directory=tmp_path).load([PATH])
