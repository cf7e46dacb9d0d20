"""The OpenAPI v3 documents that the sandbox publishes, one a group version.

Those of the built-in kinds were recorded from a real API server and are read when first asked for; those of custom
resources come from their definitions.
"""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from reconciler.manifest.objects import Manifest

_DATA: Final = files("reconciler.sandbox") / "data" / "openapi"
GVK_EXTENSION: Final = "x-kubernetes-group-version-kind"
META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1"


def _read(name: str) -> bytes:
    return (_DATA / f"{name}.json.gz").read_bytes()


@cache
def load_document(path: str) -> Manifest:
    """A recorded document; ``path`` is ``api/v1`` or ``apis/apps/v1``. Shared: never change it."""
    document: Manifest = orjson.loads(zlib.decompress(_read(path.replace("/", "__")), wbits=31))
    # The record keeps one path a kind; clients also read from the paths which sub-resources there are.
    for name in [name for name in document["paths"] if name.endswith("/{name}")]:
        for subresource in _subresources().get((path, name.split("/")[-2]), ()):
            document["paths"][f"{name}/{subresource}"] = {"patch": {"responses": {"200": {"description": ""}}}}
    return document


@cache
def load_discovery() -> Manifest:
    """The recorded discovery: ``api``, ``apis`` (aggregated) and ``version``. Shared: never change it."""
    discovery: Manifest = orjson.loads(zlib.decompress(_read("discovery"), wbits=31))
    return discovery


@cache
def _subresources() -> dict[tuple[str, str], tuple[str, ...]]:
    """The status and scale sub-resources by document and resource."""
    discovery = load_discovery()
    found = {}
    for group in (*discovery["api"]["items"], *discovery["apis"]["items"]):
        for version in group["versions"]:
            path = document_path(group.get("metadata", {}).get("name", ""), version["version"])
            for resource in version["resources"]:
                names = (entry["subresource"] for entry in resource.get("subresources", ()))
                found[path, resource["resource"]] = tuple(name for name in names if name in ("status", "scale"))
    return found


@cache
def load_facts() -> dict[str, Manifest]:
    """What Go's JSON does with each built-in type's empty fields, beyond what OpenAPI tells.

    ``always``: members that are written though nobody set them, with the value they then have; ``drops``: scalars that
    are not written while they are zero. Recorded from the types' struct tags by reflection.
    """
    packed = (files("reconciler.sandbox") / "facts.json.gz").read_bytes()
    facts: dict[str, Manifest] = orjson.loads(zlib.decompress(packed, wbits=31))
    return facts


def load_argo_crds() -> list[Manifest]:
    """The definitions that `reconciler.model.crds.argo_crds` makes, recorded: making them takes long."""
    packed = (files("reconciler.sandbox") / "argo_crds.json.gz").read_bytes()
    crds: list[Manifest] = orjson.loads(zlib.decompress(packed, wbits=31))
    return crds


def document_path(group: str, version: str) -> str:
    """The OpenAPI v3 path of a group version: ``api/v1``, ``apis/apps/v1``."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


class Documents:
    """OpenAPI documents by path, recorded and generated."""

    def __init__(self) -> None:
        self._recorded = frozenset(
            entry.name.removesuffix(".json.gz").replace("__", "/") for entry in _DATA.iterdir() if "__" in entry.name
        )
        self._custom: dict[str, Manifest] = {}
        self._makers: dict[str, Callable[[], Manifest]] = {}
        self._kinds: dict[str, dict[tuple[str, str, str], str]] = {}
        self._digests: dict[str, str] = {}
        self._listeners: list[Callable[[str], None]] = []

    def paths(self) -> list[str]:
        return sorted(self._recorded | self._makers.keys())

    def document(self, path: str) -> Manifest | None:
        """The document at ``path``, or None."""
        if path in self._makers:
            if path not in self._custom:
                self._custom[path] = self._makers[path]()
            return self._custom[path]
        return load_document(path) if path in self._recorded else None

    def digest(self, path: str) -> str:
        """The hash that clients use as a cache key: upper-case hexadecimal SHA-512, as the real server's."""
        if path not in self._digests:
            custom = self.document(path) if path in self._makers else None
            packed = orjson.dumps(custom, option=orjson.OPT_SORT_KEYS) if custom else _read(path.replace("/", "__"))
            self._digests[path] = hashlib.sha512(packed).hexdigest().upper()
        return self._digests[path]

    def put(self, path: str, make: Callable[[], Manifest]) -> None:
        """Publish a document that is made when first asked for."""
        self._makers[path] = make
        self._custom.pop(path, None)
        self._changed(path)

    def remove(self, path: str) -> None:
        if self._makers.pop(path, None) is not None:
            self._custom.pop(path, None)
            self._changed(path)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the path of each document published or removed later."""
        self._listeners.append(listener)

    def schema_name(self, group: str, version: str, kind: str) -> str | None:
        """The component that describes a kind."""
        path = document_path(group, version)
        if path not in self._kinds:
            document = self.document(path)
            if document is None:
                return None
            self._kinds[path] = _kinds_of(document)
        return self._kinds[path].get((group, version, kind))

    def schemas(self, group: str, version: str) -> Mapping[str, Any]:
        """The component schemas of a group version; empty where none is published."""
        document = self.document(document_path(group, version))
        schemas: Mapping[str, Any] = document["components"]["schemas"] if document else {}
        return schemas

    def _changed(self, path: str) -> None:
        self._digests.pop(path, None)
        self._kinds.pop(path, None)
        for listener in self._listeners:
            listener(path)


def _kinds_of(document: Manifest) -> dict[tuple[str, str, str], str]:
    kinds = {}
    for name, schema in document["components"]["schemas"].items():
        entries = schema.get(GVK_EXTENSION, ())
        # DeleteOptions and WatchEvent belong to every group version; they are no kinds of it.
        if len(entries) == 1:
            entry = entries[0]
            kinds[entry["group"], entry["version"], entry["kind"]] = name
    return kinds


def reference_of(schema: Mapping[str, Any]) -> str | None:
    """The component that a schema refers to, directly or as its only ``allOf``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    parts = schema.get("allOf")
    if parts and len(parts) == 1 and "$ref" in parts[0]:
        return str(parts[0]["$ref"]).rpartition("/")[2]
    return None
