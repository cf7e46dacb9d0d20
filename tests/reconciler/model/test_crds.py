"""Our custom resource definitions against upstream's, and against what an API server takes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest.yaml import load_document
from reconciler.model.crds import argo_crds

Schema = Mapping[str, Any]
CRDS = {crd["spec"]["names"]["kind"]: crd for crd in argo_crds()}
OPEN = {
    ("Application", ".status.sourceHydrator"): "written by the hydrator alone; we keep what we find there",
    ("AppProject", ".status"): "tokens by role, written by Argo CD's server alone",
}
"""Where ours keeps whatever it is given and upstream spells the fields out."""

OURS = {
    ("Application", ".ksonnet"): "ksonnet applications, which Argo CD rendered until 1.7, with the fields it had then",
    ("AppProject", ".policies[].ssh"): "SSH signatures, beside GPG ones or alone",
}
"""Where ours has a field that upstream has not."""


def schema_of(crd: Mapping[str, Any]) -> Schema:
    schema: Schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema inside, by path: ``.name``, ``[]`` for items, ``{}`` for the values of a map."""
    yield path, schema
    for name, inner in (schema.get("properties") or {}).items():
        yield from walk(inner, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


def is_excepted(kind: str, path: str) -> bool:
    """Whether a path lies below one of `OPEN`, or goes through a field of `OURS`."""
    return any(of == kind and path.startswith(entry) for of, entry in OPEN) or any(
        of == kind and f"{entry.replace('[]', '')}." in f"{path.replace('[]', '')}." for of, entry in OURS
    )


def types(kind: str, schema: Schema) -> dict[str, str]:
    """Type by path; whatever holds any object is marked, and what `OPEN` and `OURS` list is left out."""
    found = {}
    for path, inner in walk(schema):
        if not is_excepted(kind, path):
            word = "int-or-string" if inner.get("x-kubernetes-int-or-string") else inner["type"]
            found[path] = f"{word}, any fields" if inner.get("x-kubernetes-preserve-unknown-fields") else word
    return found


def required(kind: str, schema: Schema) -> dict[str, set[str]]:
    return {
        path: set(inner["required"])
        for path, inner in walk(schema)
        if inner.get("required") and not is_excepted(kind, path)
    }


@pytest.fixture(scope="module")
def upstream(real_input: Path) -> dict[str, Any]:
    folder = real_input / "argocd-crds"
    return {
        kind: load_document((folder / f"{kind.lower()}-crd.yaml").read_bytes(), file=kind)
        for kind in ("Application", "AppProject", "ApplicationSet")
    }


@pytest.mark.realinput
@pytest.mark.parametrize("kind", ["Application", "AppProject"])
def test_every_field_has_upstreams_type_and_there_are_no_others(upstream: dict[str, Any], kind: str) -> None:
    theirs = types(kind, schema_of(upstream[kind]))
    assert len(theirs) > 80
    assert types(kind, schema_of(CRDS[kind])) == theirs


@pytest.mark.realinput
@pytest.mark.parametrize("kind", ["Application", "AppProject"])
def test_the_same_fields_are_required(upstream: dict[str, Any], kind: str) -> None:
    ours, theirs = required(kind, schema_of(CRDS[kind])), required(kind, schema_of(upstream[kind]))
    if kind == "AppProject":
        # A policy may ask for SSH signatures alone.
        theirs[".spec.sourceIntegrity.git.policies[]"].remove("gpg")
    assert ours == theirs


@pytest.mark.realinput
def test_what_is_left_open_is_spelled_out_upstream(upstream: dict[str, Any]) -> None:
    """An entry that upstream no longer has, or that holds any fields there too, is no exception any more."""
    for kind, path in OPEN:
        assert "properties" in dict(walk(schema_of(upstream[kind])))[path]
        assert dict(walk(schema_of(CRDS[kind])))[path]["x-kubernetes-preserve-unknown-fields"] is True


@pytest.mark.realinput
def test_what_is_ours_is_there_and_not_upstreams(upstream: dict[str, Any]) -> None:
    for kind, entry in OURS:
        for crd, expected in ((CRDS[kind], True), (upstream[kind], False)):
            assert any(path.endswith(entry) for path, _ in walk(schema_of(crd))) is expected


@pytest.mark.realinput
@pytest.mark.parametrize("kind", sorted(CRDS))
def test_names_columns_and_subresources_are_upstreams(upstream: dict[str, Any], kind: str) -> None:
    def outline(crd: Mapping[str, Any]) -> dict[str, Any]:
        (version,) = crd["spec"]["versions"]
        # An absent map of sub-resources is an empty one.
        rest = {"subresources": {}} | {name: value for name, value in version.items() if name != "schema"}
        return {**{name: value for name, value in crd["spec"].items() if name != "versions"}, "version": rest}

    assert outline(CRDS[kind]) == outline(upstream[kind])
    assert CRDS[kind]["metadata"] == upstream[kind]["metadata"]


@pytest.mark.realinput
def test_every_generator_and_field_of_an_application_set_is_known(upstream: dict[str, Any]) -> None:
    for path in (".spec", ".spec.generators[]"):
        ours, theirs = (
            dict(walk(schema_of(crd)))[path]["properties"]
            for crd in (CRDS["ApplicationSet"], upstream["ApplicationSet"])
        )
        assert {name: entry["type"] for name, entry in ours.items()} == {
            name: entry["type"] for name, entry in theirs.items()
        }


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_schemas_are_structural(kind: str) -> None:
    """What an API server asks of ``apiextensions.k8s.io/v1`` (structural schemas), and no word that it would refuse."""
    words = {
        "type", "properties", "items", "additionalProperties", "required", "format", "maxLength", "anyOf",
        "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string",
    }  # fmt: skip
    seen = 0
    for path, schema in walk(schema_of(CRDS[kind])):
        seen += 1
        assert set(schema) <= words, path
        if schema.get("x-kubernetes-int-or-string"):
            assert (schema["anyOf"], "type" in schema) == ([{"type": "integer"}, {"type": "string"}], False), path
            continue
        assert "anyOf" not in schema, path
        assert schema["type"] in ("object", "array", "string", "integer", "boolean"), path
        assert ("items" in schema) == (schema["type"] == "array"), path
        assert not {"properties", "additionalProperties"} <= set(schema), path
        assert "properties" not in schema or schema["type"] == "object", path
        assert set(schema.get("required", ())) <= set(schema.get("properties", ())), path
        if schema["type"] == "object" and path != ".metadata":
            described = {"properties", "additionalProperties", "x-kubernetes-preserve-unknown-fields"} & set(schema)
            assert described, f"{path}: an object without fields would lose all it holds"
    assert seen > 20


def test_definitions_are_made_anew_each_time() -> None:
    argo_crds()[0]["spec"]["names"]["plural"] = "changed"
    assert argo_crds()[0]["spec"]["names"]["plural"] == "applications"
